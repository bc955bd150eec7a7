#include <outer/outer_labels.hpp>

#include <archive/sha256.hpp>

#include <gtest/gtest.h>

namespace dind::outer {
namespace {

const Digest kId = archive::sha256_of("config");
const Digest kManifest = archive::sha256_of("manifest");
const Digest kIndex = archive::sha256_of("index");

cache::Image named_image(std::vector<std::string> names, std::vector<std::string> digests = {}) {
  return {.id = kId,
          .names = std::move(names),
          .digests = std::move(digests),
          .manifest = {},
          .index = {},
          .parent = {},
          .platform = "linux/amd64",
          .layers = {}};
}

std::string label(const std::string& key, const std::vector<cache::Image>& images,
                  const cache::Image& base = named_image({})) {
  for (const auto& [name, value] : make_labels({.images = images, .layers = {}}, base)) {
    if (name == key) {
      return value;
    }
  }
  return "none";
}

TEST(OuterLabelsTest, SayTheDigestThatARegistryHas) {
  cache::Image pulled = named_image({"a:1"});
  pulled.manifest = kManifest;
  EXPECT_EQ(label("dind-init.images", {pulled}), "a:1@" + kManifest.text());
  pulled.index = kIndex;
  EXPECT_EQ(label("dind-init.images", {pulled}), "a:1@" + kIndex.text());
  pulled.names.clear();
  EXPECT_EQ(label("dind-init.images", {pulled}), kIndex.text());
}

TEST(OuterLabelsTest, SayTheDigestThatAnEngineKnowsOfTheSameRepository) {
  const cache::Image of_engine =
      named_image({"a:1"}, {"b@" + kIndex.text(), "docker.io/library/a@" + kManifest.text()});
  EXPECT_EQ(label("dind-init.images", {of_engine}), "a:1@" + kManifest.text());
  EXPECT_EQ(label("org.opencontainers.image.base.digest", {}, of_engine), kManifest.text());
}

TEST(OuterLabelsTest, MarkAnIdByWhichNobodyCanPull) {
  const cache::Image saved = named_image({"a:1"}, {"b@" + kIndex.text()});
  EXPECT_EQ(label("dind-init.images", {saved, named_image({})}),
            "a:1,id=" + kId.text() + " id=" + kId.text());
  EXPECT_EQ(label("org.opencontainers.image.base.digest", {}, saved), "none");
  EXPECT_EQ(label("org.opencontainers.image.base.name", {}, saved), "a:1");
}

} // namespace
} // namespace dind::outer
