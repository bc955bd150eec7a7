#include <archive/sha256.hpp>
#include <seed/materialise.hpp>
#include <store/layer_check.hpp>
#include <support/cache_builder.hpp>
#include <support/containerd_store.hpp>
#include <support/expect.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>
#include <bolt/database.hpp>
#include <containerd/driver_state.hpp>
#include <containerd/image_names.hpp>
#include <containerd/image_records.hpp>
#include <containerd/layout.hpp>
#include <containerd/made_manifest.hpp>
#include <containerd/state.hpp>

#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::CacheBuilder;
using test::ContainerdStore;
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

  // The second one has the digests that a registry knows.
  const cache::Image& pulled(CacheBuilder::Compressed compressed) {
    builder_.came_from_registry(app_, compressed);
    builder_.finish();
    return builder_.manifest().images[1];
  }
  const cache::Blob& blob_of(const Digest& layer) {
    return builder_.manifest().find(layer)->blobs.front();
  }
  std::string link_at(const std::string& blob) {
    const Fd blobs = sys::open_dir(root_ / kBlobs).value();
    return sys::read_link_at({blobs, blob}).value();
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

  Result<MaterialiseReport> materialise_all() {
    const store::DriverState now = state();
    std::set<Digest> layers;
    for (const auto& [chain_id, layer] : now.layers) {
      layers.insert(chain_id);
    }
    clone::CloneProgress progress;
    return materialise({.driver = seeder_.driver,
                        .state = now,
                        .layers = layers,
                        .interrupted = [] { return false; }},
                       root_.fd(), progress);
  }

  // What is wrong with a layer after a reboot. The cache, if it is there, says what is right.
  std::string flaw_of(const Digest& chain_id, const cache::Cache* cache) {
    const store::DriverState now = state();
    const Digest& diff_id = now.layers.at(chain_id).diff_id;
    store::LayerTruth truth;
    if (cache) {
      truth = {cache->read_skeleton(diff_id).value(), cache->open_tar_split(diff_id).value()};
    }
    const auto found = store::find_flaw({root_.fd(), seeder_.driver, now}, chain_id, truth);
    EXPECT_TRUE(ok(found));
    return found && *found ? (*found)->why : "";
  }

  boost::filesystem::path dir_of(const Digest& chain_id) {
    return root_ / (kSnapshots + "/" + state().layers.at(chain_id).files_id());
  }
  Digest top_chain() const { return cache::chain_ids(std::vector{base_, top_}).back(); }

  void lose_cache() {
    ASSERT_EQ(::rename((builder_.dir() / "layer").c_str(), (builder_.dir() / "gone").c_str()), 0);
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

// Whose blobs nothing can serve: the tag leads to the manifest of uncompressed layers.
TEST_F(ContainerdStoreTest, AnImageIsThereByTheDigestsOfItsRegistry) {
  const cache::Image& image = pulled(CacheBuilder::Compressed::left_out);
  ASSERT_TRUE(ok(seed()));
  const containerd::State held = store();
  const std::string made = containerd::made_manifest(image, builder_.manifest());
  EXPECT_EQ(held.images.at("docker.io/library/app:1").target, archive::sha256_of(made).text());
  for (const Digest& digest : {*image.manifest, *image.index}) {
    EXPECT_EQ(held.images.at("docker.io/library/app@" + digest.text()).target, digest.text());
    EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + digest.hex())), digest);
    EXPECT_EQ(held.blobs.at(digest).labels.at("containerd.io/distribution.source.docker.io"),
              "library/app"); // BuildKit takes no other
  }
  EXPECT_EQ(containerd::image_id_of(held, image.index->text()), app_);
  const containerd::Blob& blob = held.blobs.at(blob_of(top_).digest);
  EXPECT_EQ(blob.labels.at(containerd::kUncompressedLabel), top_.text());
  EXPECT_EQ(blob.labels.at("containerd.io/distribution.source.docker.io"), "library/app");
}

TEST_F(ContainerdStoreTest, TheLabelOfARegistryHasNoPort) {
  pulled(CacheBuilder::Compressed::left_out);
  cache::Image& image = builder_.manifest().images[1];
  image.digests = {"127.0.0.1:5000/team/app@" + image.manifest->text()};
  builder_.finish();
  ASSERT_TRUE(ok(seed()));
  const containerd::State held = store();
  const auto& labels = held.blobs.at(*image.manifest).labels;
  EXPECT_EQ(labels.at("containerd.io/distribution.source.127.0.0.1"), "team/app");
}

TEST_F(ContainerdStoreTest, ATagLeadsToWhatTheRegistryHasWhereAllBlobsAreCarried) {
  const cache::Image& image = pulled(CacheBuilder::Compressed::carried);
  ASSERT_TRUE(ok(seed()));
  const containerd::State held = store();
  EXPECT_EQ(held.images.at("docker.io/library/app:1").target, image.index->text());
  // The engine finds it by the tag's record.
  EXPECT_FALSE(held.images.contains("docker.io/library/app@" + image.index->text()));
  EXPECT_TRUE(held.images.contains("docker.io/library/app@" + image.manifest->text()));
  const Digest& blob = blob_of(top_).digest;
  EXPECT_EQ(link_at(blob.hex()), std::string(containerd::kMadeBlobs) + "/" + blob.hex());
}

TEST_F(ContainerdStoreTest, ACarriedBlobOfALayerWithFilesOfItsOwnIsAFileToo) {
  pulled(CacheBuilder::Compressed::carried);
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  for (const Digest& layer : {base_, top_}) {
    const Digest& blob = blob_of(layer).digest;
    EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + blob.hex())), blob);
  }
}

TEST_F(ContainerdStoreTest, ADamagedCarriedBlobIsNotCopied) {
  pulled(CacheBuilder::Compressed::carried);
  const std::string file = cache::blob_file(blob_of(top_).digest);
  std::string bytes = builder_.dir().read(file);
  bytes.back() = static_cast<char>(~bytes.back());
  builder_.dir().write(file, bytes);
  const auto report = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images_missing, std::vector<std::string>{"app:1"});
}

// Of a cache that was put together wrongly.
TEST_F(ContainerdStoreTest, AManifestThatIsNotTheImagesIsNotUsed) {
  cache::Image& image = builder_.manifest().images[1];
  builder_.came_from_registry(builder_.manifest().images[0].id, CacheBuilder::Compressed::left_out);
  image.manifest = builder_.manifest().images[0].manifest;
  image.digests = {"app@" + image.manifest->text()};
  builder_.finish();
  ASSERT_TRUE(ok(seed()));
  EXPECT_FALSE(store().images.contains("docker.io/library/app@" + image.manifest->text()));
  EXPECT_TRUE(store().images.contains("docker.io/library/app:1"));
  expect_app();
}

TEST_F(ContainerdStoreTest, ACarriedBlobBecomesAFileWithItsLayer) {
  pulled(CacheBuilder::Compressed::carried);
  ASSERT_TRUE(ok(seed()));
  ASSERT_TRUE(ok(materialise_all()));
  for (const Digest& layer : {base_, top_}) {
    const Digest& blob = blob_of(layer).digest;
    EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + blob.hex())), blob);
  }
}

// containerd does not hash what it has, so a job can change what later jobs run.
TEST_F(ContainerdStoreTest, AConfigurationOrManifestThatWasChangedIsWrittenAgain) {
  const cache::Image& image = pulled(CacheBuilder::Compressed::carried);
  ASSERT_TRUE(ok(seed()));
  for (const Digest& digest : {image.id, *image.manifest, *image.index}) {
    const std::string right = root_.read(kBlobs + digest.hex());
    root_.write(kBlobs + digest.hex(), "{\"config\": {\"Entrypoint\": [\"/planted\"]}}");
    ASSERT_TRUE(ok(seed()));
    EXPECT_EQ(root_.read(kBlobs + digest.hex()), right);
    EXPECT_TRUE(state().references.contains("app:1"));
  }
}

// It has a name still, so it is not the user who removed it.
TEST_F(ContainerdStoreTest, AnImageThatWasChangedIsWrittenAgainWhereRemovedOnesStayAway) {
  const cache::Image& image = pulled(CacheBuilder::Compressed::carried);
  ASSERT_TRUE(ok(seed()));
  seeder_.settings.reseed = false;
  for (const Digest& digest : {image.id, *image.manifest, *image.index}) {
    const std::string right = root_.read(kBlobs + digest.hex());
    root_.write(kBlobs + digest.hex(), "{\"config\": {\"Entrypoint\": [\"/planted\"]}}");
    ASSERT_TRUE(ok(seed()));
    EXPECT_EQ(root_.read(kBlobs + digest.hex()), right);
  }
  const auto changes = containerd::PendingChanges::open(root_.fd()).value();
  std::vector<std::string> names;
  for (const auto& [name, named] : changes->state().images) {
    if (name.find("/app") != std::string::npos) {
      names.push_back(name);
    }
  }
  ASSERT_TRUE(ok(changes->remove_images(names, {})));
  ASSERT_TRUE(ok(seed()));
  EXPECT_FALSE(state().references.contains("app:1"));
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
  const std::string before = root_.read(ContainerdStore::meta_path());
  const auto again = seed();
  ASSERT_TRUE(ok(again));
  EXPECT_EQ(again->images, 2U);
  EXPECT_EQ(again->layers.at(Method::present), 2U);
  EXPECT_EQ(root_.read(ContainerdStore::meta_path()), before);
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

TEST_F(ContainerdStoreTest, MaterialisedLayersAndTheirBlobsOutliveTheCache) {
  ASSERT_TRUE(ok(seed()));
  const std::string before = root_.read(ContainerdStore::meta_path());
  const auto report = materialise_all();
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->done.size(), 2U);
  EXPECT_TRUE(report->failed.empty());
  lose_cache();
  expect_app();
  for (const Digest& layer : {base_, top_}) {
    EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + layer.hex())), layer);
  }
  for (const auto& [chain_id, layer] : state().layers) {
    EXPECT_EQ(layer.borrowed_from, "");
    EXPECT_TRUE(layer.reachable);
    EXPECT_EQ(flaw_of(chain_id, nullptr), "");
  }
  EXPECT_EQ(root_.read(ContainerdStore::meta_path()), before);
  EXPECT_FALSE(root_.has(".dind-init/materialise"));
}

// dockerd may run.
TEST_F(ContainerdStoreTest, MaterialisesBesideAnEngineThatHoldsTheDatabases) {
  ASSERT_TRUE(ok(seed()));
  const auto held =
      bolt::Database::open(root_.fd(), ContainerdStore::meta_path(), bolt::Database::Access::write)
          .value();
  const auto found = read_living_state(root_.path().native());
  ASSERT_TRUE(ok(found));
  EXPECT_FALSE(found->containerd_refused);
  EXPECT_EQ(found->of(store::kOverlayfs).layers.size(), 2U);
}

TEST_F(ContainerdStoreTest, TakesNothingFromWhereAPlantedLinkLeads) {
  ASSERT_TRUE(ok(seed()));
  const TempDir outside;
  outside.write("tree/key.pem", "secret");
  for (const auto& target :
       {outside / "tree", builder_.dir() / ("layer/" + top_.hex() + "/tree")}) {
    const auto link = dir_of(base_) / "fs";
    ASSERT_EQ(::unlink(link.c_str()), 0);
    ASSERT_EQ(::symlink(target.c_str(), link.c_str()), 0);
    const auto report = materialise_all();
    ASSERT_TRUE(ok(report));
    EXPECT_EQ(report->failed.size(), 1U);
    EXPECT_TRUE(S_ISLNK(test::stat_of(link).st_mode));
  }
}

TEST_F(ContainerdStoreTest, CopiedLayersAreWholeAfterAReboot) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  for (const Digest& chain_id : {base_, top_chain()}) {
    EXPECT_EQ(flaw_of(chain_id, nullptr), "");
    EXPECT_EQ(flaw_of(chain_id, &cache()), "");
  }
}

TEST_F(ContainerdStoreTest, SaysWhatAPowerCutTookFromACopiedLayer) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  const auto files = dir_of(top_chain()) / "fs";
  ASSERT_EQ(::truncate((files / "etc/new").c_str(), 0), 0);
  EXPECT_EQ(flaw_of(top_chain(), nullptr), "etc/new has 0 bytes, not 3");
  root_.write(sys::fs::relative(files / "etc/new", root_.path()).native(), "new");
  ASSERT_EQ(::unlink((files / "etc/gone").c_str()), 0);
  EXPECT_EQ(flaw_of(top_chain(), nullptr), "the whiteout of etc/gone is missing");
  ASSERT_EQ(::truncate((root_ / (kBlobs + base_.hex())).c_str(), 512), 0);
  EXPECT_EQ(flaw_of(base_, nullptr),
            "its blob: has 512 bytes, not " +
                std::to_string(builder_.manifest().find(base_)->tar_bytes));
}

TEST_F(ContainerdStoreTest, ADamagedLayerIsMadeAnewInItsPlaceAndSoIsItsBlob) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  const auto before = store();
  ASSERT_EQ(::truncate((root_ / (kBlobs + top_.hex())).c_str(), 512), 0);
  seeder_.flaws = {{top_chain(), flaw_of(top_chain(), nullptr)}};
  const auto again = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(again));
  EXPECT_EQ(again->layers.at(Method::present), 1U);
  expect_app();
  EXPECT_EQ(flaw_of(top_chain(), nullptr), "");
  EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + top_.hex())), top_);
  const std::string key = top_chain().text();
  EXPECT_EQ(store().snapshots.at(key).id, before.snapshots.at(key).id);
}

// As docker load makes them: with a name that a global header has, and names that lead through a
// symlink of the same layer. Its marks are in a snapshot of their own once it is materialised.
TEST_F(ContainerdStoreTest, ALayerIsWholeHoweverItsTarNamesWhatItHas) {
  const Digest odd = builder_.add_layer(TarBuilder()
                                            .pax({{"comment", "as git archive writes"}}, 'g')
                                            .directory("usr")
                                            .directory("usr/lib")
                                            .symlink("lib", "usr/lib")
                                            .file("lib/libc.so", "libc")
                                            .file("lib/empty", "")
                                            .whiteout("lib/gone")
                                            .finish(),
                                        {"usr/lib/gone"});
  builder_.add_image("odd:1", {base_, odd});
  builder_.finish();
  const Digest chain_id = cache::chain_ids(std::vector{base_, odd}).back();
  const auto expect_whole = [&] {
    EXPECT_EQ(flaw_of(chain_id, nullptr), "");
    EXPECT_EQ(flaw_of(chain_id, &cache()), "");
  };
  ASSERT_TRUE(ok(seed()));
  ASSERT_TRUE(ok(materialise_all()));
  expect_whole();
  ASSERT_EQ(::unlink((dir_of(chain_id) / "fs/usr/lib/empty").c_str()), 0);
  EXPECT_NE(flaw_of(chain_id, nullptr), "");
  seeder_.flaws = {{chain_id, "it lost a file"}};
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  expect_whole();
}

// Its receipt says of this boot by then, so that the next one would believe what it finds.
TEST_F(ContainerdStoreTest, ALayerThatIsMadeAnewHasNoFilesUntilItIsWhole) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  seeder_.flaws = {{top_chain(), "it lacks a file"}};
  seeder_.interrupted = [] { return true; };
  ASSERT_TRUE(test::fails_with(ECANCELED, seed(config::Strategy::copy)));
  EXPECT_FALSE(state().layers.at(top_chain()).reachable);
  EXPECT_TRUE(state().layers.at(base_).reachable);
}

// Its blob may be the old one still.
TEST_F(ContainerdStoreTest, ALayerWhoseMakingWasBrokenOffIsMadeAnewWithItsBlob) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  ASSERT_EQ(::truncate((root_ / (kBlobs + top_.hex())).c_str(), 512), 0);
  ASSERT_EQ(::unlink((dir_of(top_chain()) / store::kTarSplitName).c_str()), 0);
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  EXPECT_EQ(archive::sha256_of(root_.read(kBlobs + top_.hex())), top_);
  EXPECT_EQ(flaw_of(top_chain(), nullptr), "");
}

// One whose directories look otherwise than in its tree is made anew: that costs a link.
TEST_F(ContainerdStoreTest, ChecksTheMarksOfBorrowedLayers) {
  const Digest marked =
      builder_.add_layer(TarBuilder().directory("etc").whiteout("etc/kept").finish(), {"etc/kept"});
  builder_.add_image("marked:1", {base_, marked});
  builder_.finish();
  ASSERT_TRUE(ok(seed()));
  EXPECT_EQ(flaw_of(base_, &cache()), "");
  EXPECT_NE(flaw_of(top_chain(), &cache()), "");
  const Digest chain_id = cache::chain_ids(std::vector{base_, marked}).back();
  EXPECT_EQ(flaw_of(chain_id, &cache()), "");
  const auto marks = root_ / (kSnapshots + "/" + *state().layers.at(chain_id).marks_id);
  ASSERT_EQ(::unlink((marks / "fs/etc/kept").c_str()), 0);
  EXPECT_EQ(flaw_of(chain_id, &cache()), "the whiteout of etc/kept is missing");
}

TEST_F(ContainerdStoreTest, ImagesOfACacheThatHasGoneLoseTheirNames) {
  ASSERT_TRUE(ok(seed()));
  lose_cache();
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
