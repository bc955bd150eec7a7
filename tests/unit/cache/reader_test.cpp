#include <cache/reader.hpp>

#include <archive/sha256.hpp>
#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace dind::cache {
namespace {

using test::digest;
using test::fails_saying;
using test::fails_with;
using test::ok;
using test::TempDir;

const std::string kConfig = R"({"rootfs":{}})";

class ReaderTest : public testing::Test {
protected:
  void SetUp() override {
    Manifest manifest;
    manifest.layers = {{.diff_id = layer_}};
    manifest.images = {{.id = id_, .platform = "linux/amd64", .layers = {layer_}}};
    dir_.write(kManifestName, print_manifest(manifest));
    dir_.write(config_file(id_), kConfig);
    dir_.make_dir(tree_dir(layer_));
  }

  Result<Cache> open() { return Cache::open(dir_.path()); }

  const TempDir dir_;
  const Digest layer_ = digest('1');
  const Digest id_ = archive::sha256_of(kConfig);
};

TEST_F(ReaderTest, KnowsItselfByTheHashOfItsManifest) {
  const auto cache = open();
  ASSERT_TRUE(ok(cache));
  EXPECT_EQ(cache->digest(), archive::sha256_of(dir_.read(kManifestName)));
}

TEST_F(ReaderTest, IsNoCacheWithoutAManifest) {
  ::unlink((dir_ / kManifestName).c_str());
  EXPECT_TRUE(fails_with(ENOENT, open()));
}

TEST_F(ReaderTest, FollowsNoSymlinkToATree) {
  ::rename((dir_ / tree_dir(layer_)).c_str(), (dir_ / "elsewhere").c_str());
  ASSERT_EQ(::symlink("/", (dir_ / tree_dir(layer_)).c_str()), 0);
  const auto cache = open();
  ASSERT_TRUE(ok(cache));
  EXPECT_FALSE(cache->open_tree(layer_));
}

TEST_F(ReaderTest, NamesALayerByItsShortNameIfThatLeadsToIt) {
  const auto cache = open();
  ASSERT_TRUE(ok(cache));
  const auto plain = dir_ / layer_dir(layer_);
  EXPECT_EQ(cache->path_to_layer(layer_), plain);
  dir_.make_dir(kShortNamesDir);
  const auto name = dir_ / short_name(layer_);
  ASSERT_EQ(::symlink(short_name_target(digest('2')).c_str(), name.c_str()), 0);
  EXPECT_EQ(cache->path_to_layer(layer_), plain);
  ::unlink(name.c_str());
  ASSERT_EQ(::symlink(short_name_target(layer_).c_str(), name.c_str()), 0);
  EXPECT_EQ(cache->path_to_layer(layer_), name);
}

TEST_F(ReaderTest, KnowsATreeByBothItsNames) {
  EXPECT_TRUE(is_tree_of("/c/" + tree_dir(layer_), "/c", layer_));
  EXPECT_TRUE(is_tree_of("/c/" + short_name(layer_) + "/tree", "/c", layer_));
  EXPECT_FALSE(is_tree_of("/c/" + tree_dir(digest('2')), "/c", layer_));
  EXPECT_FALSE(is_tree_of("/d/" + tree_dir(layer_), "/c", layer_));
}

TEST_F(ReaderTest, ShortNamesFitIntoAnInode) {
  const std::string path = "/var/lib/dind-cache/" + short_name(layer_) + "/" + kTarSplitName;
  EXPECT_LT(path.size(), 60U); // ext4, and most others
}

TEST_F(ReaderTest, FollowsNoSymlinkToALayer) {
  const auto layer = dir_ / layer_dir(layer_);
  ::rename(layer.c_str(), (dir_ / "elsewhere").c_str());
  ASSERT_EQ(::symlink("../elsewhere", layer.c_str()), 0);
  const auto cache = open();
  ASSERT_TRUE(ok(cache));
  EXPECT_TRUE(fails_with(ELOOP, cache->open_tree(layer_)));
}

TEST_F(ReaderTest, DoesNotWaitForAFifoInThePlaceOfAFile) {
  ASSERT_EQ(::mkfifo((dir_ / tar_split_file(layer_)).c_str(), 0600), 0);
  const auto cache = open();
  ASSERT_TRUE(ok(cache));
  EXPECT_TRUE(fails_saying("not a regular file", cache->open_tar_split(layer_)));
}

TEST_F(ReaderTest, RefusesATarSplitThatCouldFillAVolume) {
  dir_.write(tar_split_file(layer_), "");
  ASSERT_EQ(::truncate((dir_ / tar_split_file(layer_)).c_str(), (off_t{1} << 30) + 1), 0);
  const auto cache = open();
  ASSERT_TRUE(ok(cache));
  EXPECT_TRUE(fails_saying("more than", cache->open_tar_split(layer_)));
}

TEST_F(ReaderTest, ReturnsAConfigurationOnlyIfItHashesToItsName) {
  {
    const auto cache = open();
    ASSERT_TRUE(ok(cache));
    const auto config = cache->read_config(id_);
    ASSERT_TRUE(ok(config));
    EXPECT_EQ(*config, kConfig);
  }
  dir_.write(config_file(id_), kConfig + " ");
  EXPECT_TRUE(fails_saying("does not hash", open()->read_config(id_)));
}

TEST_F(ReaderTest, SeesThatASkeletonWasLost) {
  Manifest manifest;
  manifest.layers = {{.diff_id = layer_}};
  manifest.layers[0].marks = 2;
  dir_.write(kManifestName, print_manifest(manifest));
  EXPECT_TRUE(fails_saying("has 0 marks, and cache.json says 2", open()->read_skeleton(layer_)));
}

TEST_F(ReaderTest, TakesAMissingSkeletonForAnEmptyOne) {
  const auto skeleton = open()->read_skeleton(layer_);
  ASSERT_TRUE(ok(skeleton));
  EXPECT_TRUE(skeleton->empty());
}

} // namespace
} // namespace dind::cache
