#include <store/graph_metadata.hpp>

#include <support/cache_builder.hpp>
#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace dind::store {
namespace {

using test::digest;
using test::fails_saying;
using test::ok;
using test::TempDir;

class GraphMetadataTest : public testing::Test {
protected:
  GraphMetadata metadata() { return GraphMetadata::open(root_.fd(), "overlay2").value(); }

  const TempDir root_;
  const std::string repositories_ = "image/overlay2/repositories.json";
};

TEST_F(GraphMetadataTest, WritesALayersRecordWithoutNewlines) {
  ASSERT_TRUE(ok(metadata().add_layer({.chain_id = digest('a'),
                                       .diff_id = digest('b'),
                                       .parent = digest('c'),
                                       .cache_id = "id",
                                       .size = 42,
                                       .tar_split_path = "/cache/tar-split.json.gz"})));
  const std::string dir = "image/overlay2/layerdb/sha256/" + digest('a').hex() + "/";
  EXPECT_EQ(root_.read(dir + "diff"), digest('b').text());
  EXPECT_EQ(root_.read(dir + "parent"), digest('c').text());
  EXPECT_EQ(root_.read(dir + "size"), "42");
  EXPECT_EQ(root_.read(dir + "cache-id"), "id");
  EXPECT_TRUE(S_ISLNK(test::stat_of(root_ / (dir + "tar-split.json.gz")).st_mode));
}

TEST_F(GraphMetadataTest, LeavesNothingOfARecordThatCannotBeWritten) {
  const TempDir cache;
  const Fd not_a_file = sys::open_dir(cache.path()).value();
  EXPECT_TRUE(
      fails_saying("tar-split.json.gz", metadata().add_layer({.chain_id = digest('a'),
                                                              .diff_id = digest('b'),
                                                              .parent = std::nullopt,
                                                              .cache_id = "id",
                                                              .size = 42,
                                                              .tar_split_path = "",
                                                              .tar_split_file = &not_a_file})));
  EXPECT_FALSE(root_.has("image/overlay2/layerdb/sha256/" + digest('a').hex()));
  EXPECT_FALSE(root_.has(".dind-init/staging/" + digest('a').hex()));
}

TEST_F(GraphMetadataTest, GivesALayerOfItsOwnATarSplitOfItsOwn) {
  const TempDir cache;
  cache.write("tar-split", "content");
  const Fd file = sys::open_path(cache / "tar-split", O_RDONLY).value();
  ASSERT_TRUE(ok(metadata().add_layer({.chain_id = digest('a'),
                                       .diff_id = digest('b'),
                                       .parent = std::nullopt,
                                       .cache_id = "id",
                                       .size = 42,
                                       .tar_split_path = "",
                                       .tar_split_file = &file})));
  EXPECT_EQ(root_.read("image/overlay2/layerdb/sha256/" + digest('a').hex() + "/tar-split.json.gz"),
            "content");
}

TEST_F(GraphMetadataTest, WritesImagesAsBuiltHereWithTheirParentIfItIsThere) {
  test::CacheBuilder builder;
  const Digest id = builder.add_image("app:1", {});
  builder.finish();
  const auto cache = cache::Cache::open(builder.dir().path()).value();
  const cache::Image image{.id = id, .parent = digest('b')};
  ASSERT_TRUE(ok(metadata().add_image(image, cache, std::nullopt)));
  const std::string dir = "image/overlay2/imagedb/metadata/sha256/" + id.hex();
  EXPECT_EQ(root_.read(dir + "/builtLocally"), "\x01");
  EXPECT_FALSE(root_.has(dir + "/parent"));
  ASSERT_TRUE(ok(metadata().add_image(image, cache, image.parent)));
  EXPECT_EQ(root_.read(dir + "/parent"), digest('b').text());
}

TEST_F(GraphMetadataTest, GroupsNamesByRepository) {
  ASSERT_TRUE(ok(metadata().add_references({{"app:1", digest('a')},
                                            {"app@" + digest('d').text(), digest('a')},
                                            {"127.0.0.1:5000/app:1", digest('b')}},
                                           {})));
  EXPECT_EQ(root_.read(repositories_),
            R"({"Repositories":{"127.0.0.1:5000/app":{"127.0.0.1:5000/app:1":")" +
                digest('b').text() + R"("},"app":{"app:1":")" + digest('a').text() + R"(","app@)" +
                digest('d').text() + R"(":")" + digest('a').text() + R"("}}})");
}

TEST_F(GraphMetadataTest, MovesATagThatIsStillAsAnEarlierSeedingSetIt) {
  ASSERT_TRUE(ok(metadata().add_references({{"app:1", digest('a')}, {"app:2", digest('c')}}, {})));
  const std::map<std::string, std::set<Digest>> given = {{"app:1", {digest('a')}},
                                                         {"app:2", {digest('a')}}};
  const auto moved =
      metadata().add_references({{"app:1", digest('b')}, {"app:2", digest('b')}}, given);
  ASSERT_TRUE(ok(moved));
  EXPECT_EQ(*moved, 1U);
  const auto references = read_references(root_.fd(), "overlay2");
  ASSERT_TRUE(ok(references));
  EXPECT_EQ(references->at("app:1"), digest('b'));
  EXPECT_EQ(references->at("app:2"), digest('c')); // the user's
}

TEST_F(GraphMetadataTest, RemovesTheNamesOfImagesAndLeavesOthers) {
  ASSERT_TRUE(ok(metadata().add_references(
      {{"app:1", digest('a')}, {"app:2", digest('b')}, {"tool:1", digest('a')}}, {})));
  ASSERT_TRUE(ok(metadata().remove_references({digest('a')})));
  EXPECT_EQ(root_.read(repositories_),
            R"({"Repositories":{"app":{"app:2":")" + digest('b').text() + R"("}}})");
}

TEST_F(GraphMetadataTest, NeverMovesATagThatIsThere) {
  ASSERT_TRUE(ok(metadata().add_references({{"app:1", digest('a')}}, {})));
  const auto added =
      metadata().add_references({{"app:1", digest('b')}, {"app:2", digest('b')}}, {});
  ASSERT_TRUE(ok(added));
  EXPECT_EQ(*added, 1U);
  const auto references = read_references(root_.fd(), "overlay2");
  ASSERT_TRUE(ok(references));
  EXPECT_EQ(references->at("app:1"), digest('a'));
  EXPECT_EQ(references->at("app:2"), digest('b'));
}

TEST_F(GraphMetadataTest, RefusesAnEmptyRepositoriesFileAsDockerdWould) {
  root_.write(repositories_, "");
  EXPECT_TRUE(fails_saying("repositories.json", read_references(root_.fd(), "overlay2")));
}

TEST_F(GraphMetadataTest, KeepsWhatTheEngineKnowsOfALayersSources) {
  const std::string path =
      "image/overlay2/distribution/v2metadata-by-diffid/sha256/" + digest('b').hex();
  cache::Layer layer{.diff_id = digest('b')};
  layer.blobs = {{.digest = digest('c'), .repositories = {"docker.io/library/app"}}};
  ASSERT_TRUE(ok(metadata().add_distribution(layer)));
  EXPECT_EQ(root_.read(path), R"([{"Digest":")" + digest('c').text() +
                                  R"(","SourceRepository":"docker.io/library/app","HMAC":""}])");
  EXPECT_EQ(root_.read("image/overlay2/distribution/diffid-by-digest/sha256/" + digest('c').hex()),
            digest('b').text());
  const std::string ours = root_.read(path);
  root_.write(path, R"(["theirs"])");
  ASSERT_TRUE(ok(metadata().add_distribution(layer)));
  EXPECT_EQ(root_.read(path), R"(["theirs"])");

  root_.write(path, std::string(20, '\0')); // what a power cut leaves of it
  ASSERT_TRUE(ok(metadata().add_distribution(layer)));
  EXPECT_EQ(root_.read(path), ours);
}

} // namespace
} // namespace dind::store
