#include <archive/sha256.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>
#include <containerd/driver_state.hpp>
#include <containerd/image_records.hpp>
#include <containerd/layout.hpp>
#include <containerd/made_manifest.hpp>
#include <containerd/state.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <functional>
#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::CacheBuilder;
using test::ok;
using test::TarBuilder;
using test::TempDir;

const std::string kSnapshots = store::layers_dir(store::kOverlayfs);
const std::string kBlobs = std::string(containerd::kContentDir) + "/blobs/sha256/";
constexpr mode_t kModeBits = 07777;

// A cache of two images on one base, the second of which deletes a file and implies a directory
// that the base has with a mode of its own; seeded into a data root without a store.
class ContainerdStoreTest : public testing::Test {
protected:
  ContainerdStoreTest() {
    base_ = builder_.add_layer(TarBuilder()
                                   .directory("etc")
                                   .file("etc/kept", "kept")
                                   .file("etc/gone", "gone")
                                   .directory("tmp", 01777)
                                   .finish());
    top_ = builder_.add_layer(TarBuilder()
                                  .directory("etc")
                                  .whiteout("etc/gone")
                                  .file("etc/new", "new")
                                  .file("tmp/new", "new")
                                  .finish(),
                              {"etc/gone"});
    builder_.add_image("base:1", {base_});
    app_ = builder_.add_image("app:1", {base_, top_});
    builder_.finish();
    seeder_.driver = store::kOverlayfs;
  }

  const cache::Cache& cache() {
    if (!cache_) {
      cache_ = cache::Cache::open(builder_.dir().path()).value();
    }
    return *cache_;
  }

  Result<SeedReport> seed(config::Strategy wish = config::Strategy::link) {
    seeder_.caches = {&cache()};
    seeder_.settings.seed = wish;
    return seeder_.run();
  }

  containerd::State store() { return containerd::read_state(root_.fd()).value(); }
  store::DriverState state() { return containerd::driver_state_of(store(), root_.fd()).value(); }

  // Looks at an image as containerd mounts it: every snapshot from the top down.
  void view(const std::vector<Digest>& layers,
            const std::function<void(const boost::filesystem::path&)>& look) {
    const containerd::State held = store();
    std::string lowers;
    for (auto key = std::optional(cache::chain_ids(layers).back().text()); key;
         key = held.snapshots.at(*key).parent) {
      const std::string id = std::to_string(held.snapshots.at(*key).id);
      lowers += (root_ / (kSnapshots + "/" + id + "/fs")).native() + ":";
    }
    const TempDir scratch;
    lowers += scratch.make_dir("empty").native();
    const auto merged = scratch.make_dir("merged");
    ASSERT_TRUE(ok(sys::mount("overlay", merged, "overlay", 0, "lowerdir=" + lowers)));
    look(merged);
    EXPECT_TRUE(ok(sys::unmount(merged)));
  }

  void expect_app() {
    view({base_, top_}, [](const boost::filesystem::path& merged) {
      struct stat found {};
      EXPECT_EQ(::lstat((merged / "etc/kept").c_str(), &found), 0);
      EXPECT_EQ(::lstat((merged / "etc/new").c_str(), &found), 0);
      EXPECT_EQ(::lstat((merged / "tmp/new").c_str(), &found), 0);
      EXPECT_NE(::lstat((merged / "etc/gone").c_str(), &found), 0);
      ASSERT_EQ(::lstat((merged / "tmp").c_str(), &found), 0);
      EXPECT_EQ(found.st_mode & kModeBits, 01777U);
    });
  }

  CacheBuilder builder_;
  std::optional<cache::Cache> cache_;
  Digest base_ = Digest::from_hex(std::string(64, '0')).value();
  Digest top_ = base_;
  Digest app_ = base_;
  const TempDir root_;
  test::Seeder seeder_{root_};
};

TEST_F(ContainerdStoreTest, BorrowedLayersShowWhatContainerdWouldHaveUnpacked) {
  const auto report = seed();
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images, 2U);
  EXPECT_EQ(report->layers.at(Method::link), 2U);
  expect_app();
}

TEST_F(ContainerdStoreTest, CopiedLayersShowTheSame) {
  const auto report = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->layers.at(Method::copy), 2U);
  expect_app();
}

TEST_F(ContainerdStoreTest, EveryBlobThatARecordNamesIsThere) {
  ASSERT_TRUE(ok(seed()));
  const containerd::State held = store();
  const std::string manifest =
      containerd::made_manifest(builder_.manifest().images[1], builder_.manifest());
  const Digest digest = archive::sha256_of(manifest);
  EXPECT_EQ(held.images.at("docker.io/library/app:1").target, digest.text());
  EXPECT_EQ(root_.read(kBlobs + digest.hex()), manifest);
  EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + app_.hex())), app_);
  for (const Digest& layer : {base_, top_}) {
    const Fd blobs = sys::open_dir(root_ / kBlobs).value();
    EXPECT_EQ(sys::read_link_at({blobs, layer.hex()}).value(),
              std::string(containerd::kMadeBlobs) + "/" + layer.hex());
    EXPECT_EQ(held.blobs.at(layer).size, builder_.manifest().find(layer)->tar_bytes);
  }
}

// A killed seeding by copy may have left it.
TEST_F(ContainerdStoreTest, ABlobWithoutARecordIsNotTakenForOne) {
  root_.write(kBlobs + top_.hex(), "what is left");
  ASSERT_TRUE(ok(seed()));
  EXPECT_EQ(store().blobs.at(top_).size, builder_.manifest().find(top_)->tar_bytes);
  const Fd blobs = sys::open_dir(root_ / kBlobs).value();
  EXPECT_TRUE(ok(sys::read_link_at({blobs, top_.hex()})));
}

// It outlives the cache.
TEST_F(ContainerdStoreTest, ALayerWithFilesOfItsOwnHasItsTarAsItsBlob) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  for (const Digest& layer : {base_, top_}) {
    EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + layer.hex())), layer);
  }
}

TEST_F(ContainerdStoreTest, ASecondSeedingFindsAllAndWritesNothing) {
  ASSERT_TRUE(ok(seed()));
  const std::string before =
      root_.read(std::string(containerd::kMetadataDir).append("/").append(containerd::kMetaName));
  const auto again = seed();
  ASSERT_TRUE(ok(again));
  EXPECT_EQ(again->images, 2U);
  EXPECT_EQ(again->layers.at(Method::present), 2U);
  EXPECT_EQ(
      root_.read(std::string(containerd::kMetadataDir).append("/").append(containerd::kMetaName)),
      before);
}

TEST_F(ContainerdStoreTest, MakesALayerAnewInItsPlaceWhereItsTargetHasGone) {
  ASSERT_TRUE(ok(seed()));
  const auto before = store();
  const std::string key = cache::chain_ids(std::vector{base_})[0].text();
  const auto files =
      root_ / (kSnapshots + "/" + std::to_string(before.snapshots.at(key).id) + "/fs");
  ASSERT_EQ(::unlink(files.c_str()), 0);
  ASSERT_EQ(::symlink("/nowhere", files.c_str()), 0);
  ASSERT_TRUE(ok(seed()));
  expect_app();
  EXPECT_EQ(store().snapshots.at(key).id, before.snapshots.at(key).id);
  EXPECT_EQ(store().sequence, before.sequence);
}

TEST_F(ContainerdStoreTest, ANameThatTheUserGaveToAnotherImageStays) {
  ASSERT_TRUE(ok(seed()));
  const auto changes = containerd::PendingChanges::open(root_.fd()).value();
  const containerd::Image theirs = changes->state().images.at("docker.io/library/base:1");
  ASSERT_TRUE(ok(changes->name_images({{"docker.io/library/app:1", theirs}})));
  ASSERT_TRUE(ok(seed()));
  EXPECT_EQ(store().images.at("docker.io/library/app:1").target, theirs.target);
}

TEST_F(ContainerdStoreTest, ImagesOfACacheThatHasGoneLoseTheirNames) {
  ASSERT_TRUE(ok(seed()));
  ASSERT_EQ(::rename((builder_.dir() / "layer").c_str(), (builder_.dir() / "gone").c_str()), 0);
  CacheBuilder other;
  other.add_image("other:1", {other.add_layer(TarBuilder().file("other", "other").finish())});
  other.finish();
  const auto cache = cache::Cache::open(other.dir().path()).value();
  seeder_.caches = {&cache};
  seeder_.settings.seed = config::Strategy::copy;
  ASSERT_TRUE(ok(seeder_.run()));
  EXPECT_EQ(state().references.count("app:1"), 0U);
  EXPECT_EQ(state().references.count("other:1"), 1U);
}

} // namespace
} // namespace dind::seed
