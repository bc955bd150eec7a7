#include <outer/finished_image.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::outer {
namespace {

using test::fails_saying;

FinishedImage finished(const std::string& seed, std::vector<std::string> names) {
  return {.config = {archive::sha256_of(seed), 1},
          .manifest = {archive::sha256_of("m" + seed), 2},
          .platform = "linux/arm/v7",
          .layers = {},
          .names = std::move(names),
          .reference = ""};
}

std::vector<std::string> digests_of(const std::string& index) {
  std::vector<std::string> digests;
  const json::value document = json::parse(index).value();
  for (const json::value& entry : document.at("manifests").as_array()) {
    digests.emplace_back(entry.at("digest").as_string());
  }
  return digests;
}

TEST(FinishedImageTest, NamesAnImageInAnIndexForEveryoneWhoReadsIt) {
  const std::string index = add_to_index("", finished("a", {"ci:1"})).value();
  const json::value document = json::parse(index).value();
  const json::value& entry = document.at("manifests").at(0);
  EXPECT_EQ(entry.at("annotations").at("org.opencontainers.image.ref.name"), "ci:1");
  EXPECT_EQ(entry.at("annotations").at("io.containerd.image.name"), "docker.io/library/ci:1");
  EXPECT_EQ(entry.at("platform").at("architecture"), "arm");
  EXPECT_EQ(entry.at("platform").at("variant"), "v7");
}

TEST(FinishedImageTest, MovesANameAndKeepsTheOtherImages) {
  const std::string one = add_to_index("", finished("a", {"ci:1", "ci:latest"})).value();
  const std::string two = add_to_index(one, finished("b", {"ci:2", "ci:latest"})).value();
  const auto digests = digests_of(two);
  const std::string a = archive::sha256_of("ma").text();
  const std::string b = archive::sha256_of("mb").text();
  EXPECT_EQ(digests, (std::vector{a, b, b}));
  EXPECT_EQ(add_to_index(two, finished("b", {"ci:2"})).value().size(), two.size());
}

TEST(FinishedImageTest, PutsTheSameNamelessImageInOnce) {
  const std::string one = add_to_index("", finished("a", {})).value();
  EXPECT_EQ(add_to_index(one, finished("a", {})).value(), one);
}

TEST(FinishedImageTest, RefusesAnIndexThatIsNone) {
  EXPECT_TRUE(fails_saying("not an index", add_to_index("[]", finished("a", {}))));
  EXPECT_TRUE(fails_saying("not an index", add_to_index("{}", finished("a", {}))));
}

} // namespace
} // namespace dind::outer
