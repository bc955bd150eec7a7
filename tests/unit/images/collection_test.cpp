#include <archive/sha256.hpp>
#include <support/expect.hpp>
#include <images/collection.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace dind::images {
namespace {

using test::fails_saying;
using test::ok;
using Names = std::vector<std::string>;

Digest digest(const std::string& of) {
  return archive::sha256_of(of);
}

SourceImage source_image(const std::string& id, Names names,
                         const std::vector<std::string>& layers) {
  SourceImage made{.image = {.id = digest(id)}, .config = id, .layers = {}};
  made.image.names = std::move(names);
  for (const std::string& layer : layers) {
    made.image.layers.push_back(digest(layer));
    made.layers.push_back({nullptr, layer, std::nullopt, std::nullopt});
  }
  return made;
}

SourceImage with_blobs(SourceImage made, const std::string& form) {
  for (LayerOrigin& origin : made.layers) {
    const Digest stored = digest(origin.file + form);
    origin.stored_digest = stored;
    origin.blob = cache::Blob{stored, 7, form, {}};
  }
  return made;
}

Collection collection_of(std::vector<SourceImage> images) {
  Collection collection;
  EXPECT_TRUE(ok(collection.add(std::move(images), {})));
  collection.settle();
  return collection;
}

TEST(CollectionTest, HasEachImageAndEachLayerOnceInTheOrderOfFirstUse) {
  const auto collection = collection_of({source_image("1", {"a:1"}, {"x", "y", "y"}),
                                         source_image("2", {"b:1"}, {"z", "x"}),
                                         source_image("1", {"a:2"}, {"x", "y", "y"})});
  ASSERT_EQ(collection.images().size(), 2U);
  EXPECT_EQ(collection.images()[0].image.names, (Names{"a:1", "a:2"}));
  ASSERT_EQ(collection.layers().size(), 3U);
  EXPECT_EQ(collection.layers()[0].diff_id, digest("x"));
  EXPECT_EQ(collection.layers()[1].diff_id, digest("y"));
  EXPECT_EQ(collection.layers()[2].diff_id, digest("z"));
  for (const PlannedLayer& layer : collection.layers()) {
    EXPECT_EQ(layer.origins.size(), 1U);
  }
}

TEST(CollectionTest, MovesANameToTheLaterImageAndSaysSo) {
  const auto collection =
      collection_of({source_image("1", {"a:1", "b:1"}, {}), source_image("2", {"a:1"}, {})});
  EXPECT_EQ(collection.images()[0].image.names, Names{"b:1"});
  EXPECT_EQ(collection.images()[1].image.names, Names{"a:1"});
  ASSERT_EQ(collection.warnings().size(), 1U);
  EXPECT_NE(collection.warnings()[0].find("a:1 is two images"), std::string::npos);
}

TEST(CollectionTest, ReadsEachStoredFormOfALayerOnce) {
  const auto collection = collection_of(
      {source_image("1", {"a:1"}, {"x"}), with_blobs(source_image("2", {"b:1"}, {"x"}), "gzip"),
       with_blobs(source_image("3", {"quay.io/c/d:1"}, {"x"}), "gzip"),
       with_blobs(source_image("4", {"b:2"}, {"x"}), "zstd")});
  const PlannedLayer& layer = collection.layers()[0];
  EXPECT_EQ(layer.origins.size(), 3U);
  ASSERT_EQ(layer.blobs.size(), 2U);
  EXPECT_LT(layer.blobs[0].digest, layer.blobs[1].digest);
  const auto& gzip = layer.blobs[0].media_type == "gzip" ? layer.blobs[0] : layer.blobs[1];
  EXPECT_EQ(gzip.repositories, (Names{"docker.io/library/b", "quay.io/c/d"}));
}

TEST(CollectionTest, NamesDigestsByEachRepository) {
  SourceImage made = source_image("1", {"a:1", "a:2", "quay.io/c/d:1"}, {});
  made.image.manifest = digest("manifest");
  made.image.index = digest("index");
  Names expected = {"a@" + digest("manifest").text(), "a@" + digest("index").text(),
                    "quay.io/c/d@" + digest("manifest").text(),
                    "quay.io/c/d@" + digest("index").text()};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(collection_of({made}).images()[0].image.digests, expected);
}

TEST(CollectionTest, KeepsAParentOnlyIfItIsBakedToo) {
  SourceImage child = source_image("child", {"a:1"}, {});
  child.image.parent = digest("parent");
  EXPECT_FALSE(collection_of({child}).images()[0].image.parent.has_value());
  const auto both = collection_of({child, source_image("parent", {}, {})});
  EXPECT_EQ(both.images()[0].image.parent, digest("parent"));
  EXPECT_TRUE(both.warnings().empty()) << "a parent needs no name";
}

TEST(CollectionTest, WarnsOfAnImageWithoutAName) {
  const auto collection = collection_of({source_image("1", {}, {})});
  ASSERT_EQ(collection.warnings().size(), 1U);
  EXPECT_NE(collection.warnings()[0].find(digest("1").text()), std::string::npos);
}

TEST(CollectionTest, MarksForCopyByNameDigestOrId) {
  SourceImage made = source_image("1", {"a:1"}, {});
  made.image.manifest = digest("manifest");
  for (const std::string& reference :
       {std::string("a:1"), std::string("docker.io/library/a:1"), "a@" + digest("manifest").text(),
        digest("1").text(), digest("1").hex()}) {
    auto collection = collection_of({made, source_image("2", {"b:1"}, {})});
    ASSERT_TRUE(ok(collection.mark_copy(reference))) << reference;
    EXPECT_TRUE(collection.images()[0].image.copy) << reference;
    EXPECT_FALSE(collection.images()[1].image.copy) << reference;
  }
  auto collection = collection_of({made});
  EXPECT_TRUE(fails_saying("no image a:2: there is a:1", collection.mark_copy("a:2")));
}

} // namespace
} // namespace dind::images
