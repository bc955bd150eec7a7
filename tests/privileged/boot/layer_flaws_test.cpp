#include <boot/layer_flaws.hpp>
#include <seed/executor.hpp>
#include <seed/materialise.hpp>
#include <support/cache_builder.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <containerd/store_state.hpp>

#include <boost/filesystem/operations.hpp>
#include <gtest/gtest.h>

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <set>

namespace dind::boot {
namespace {

using test::CacheBuilder;
using test::ok;
using test::TarBuilder;
using test::TempDir;

// A data root with an image of three layers, the middle one of which has a whiteout.
class LayerFlawsTest : public testing::Test {
protected:
  void SetUp() override { NEEDS(::geteuid() == 0, "root"); }

  LayerFlawsTest() {
    base_ = builder_.add_layer(TarBuilder().directory("a").file("a/gone", "gone").finish());
    top_ = builder_.add_layer(
        TarBuilder().directory("a").whiteout("a/gone").file("a/new", "new").finish(), {"a/gone"});
    last_ = builder_.add_layer(TarBuilder().file("last", "last").finish());
    builder_.add_image("app:1", {*base_, *top_, *last_});
    builder_.finish();
    cache_ = cache::Cache::open(builder_.dir().path()).value();
  }

  void seed(config::Strategy wish) {
    seeder_.caches = {&*cache_};
    seeder_.settings.seed = wish;
    ASSERT_TRUE(ok(seeder_.run()));
  }

  // As a boot would find it, with no cache.
  struct Found {
    DataRoot root;
    Inspection seen;
    Caches caches;
    std::string driver;
  };

  Found found() const {
    Found found;
    found.seen.state = containerd::with_containerd_store(
        store::read_state(root_.path().native()).value(), root_.path().native());
    found.root.dir = sys::open_dir(root_.path()).value();
    const std::string own = store::kOwnDir;
    found.seen.receipt =
        seed::read_receipt(sys::open_dir_at({found.root.dir, own}).value()).value();
    found.seen.boot_id = found.seen.receipt.boot_id;
    found.driver = found.seen.receipt.driver;
    return found;
  }
  Found found_after_reboot() const {
    Found after = found();
    after.seen.boot_id = "another";
    return after;
  }

  Caches caches() const {
    Caches caches;
    caches.open.push_back(cache::Cache::open(builder_.dir().path()).value());
    caches.views.push_back({.manifest = &caches.open.front().manifest()});
    return caches;
  }

  static std::vector<std::string> flaws(Found& found,
                                        config::Verify verify = config::Verify::quick) {
    found.seen = with_flaws(found.seen, found.driver, found.root, found.caches, verify);
    std::vector<std::string> flaws;
    for (const auto& [chain_id, layer] : found.seen.state.of(found.driver).layers) {
      if (layer.flaw) {
        EXPECT_FALSE(layer.reachable);
        flaws.push_back(layer.flaw->why);
      }
    }
    return flaws;
  }

  Digest chain_of(const std::vector<Digest>& layers) const {
    return cache::chain_ids(layers).back();
  }
  boost::filesystem::path dir_of(const std::vector<Digest>& layers) const {
    return root_ / ("overlay2/" + store::cache_id_of(chain_of(layers)));
  }

  CacheBuilder builder_;
  std::optional<Digest> base_;
  std::optional<Digest> top_;
  std::optional<Digest> last_;
  std::optional<cache::Cache> cache_;
  const TempDir root_;
  test::Seeder seeder_{root_};
};

TEST_F(LayerFlawsTest, AreNoneInWhatIsWhole) {
  for (const config::Strategy wish : {config::Strategy::link, config::Strategy::copy}) {
    seed(wish);
    Found after = found_after_reboot();
    EXPECT_TRUE(flaws(after).empty());
    EXPECT_EQ(after.seen.boot_id, "another");
  }
}

TEST_F(LayerFlawsTest, AreSeenAfterAReboot) {
  seed(config::Strategy::copy);
  ASSERT_EQ(::truncate((dir_of({*base_, *top_}) / "diff/a/new").c_str(), 0), 0);
  Found before = found();
  EXPECT_TRUE(flaws(before).empty());
  Found after = found_after_reboot();
  EXPECT_EQ(flaws(after).size(), 1U);
}

TEST_F(LayerFlawsTest, AreSeenWhereAnotherDriverWasSeededSince) {
  seed(config::Strategy::copy);
  ASSERT_EQ(::truncate((dir_of({*base_, *top_}) / "diff/a/new").c_str(), 0), 0);
  Found found = this->found();
  found.seen.receipt.driver = "vfs";
  found.driver = "overlay2";
  EXPECT_EQ(flaws(found).size(), 1U);
}

TEST_F(LayerFlawsTest, AreSeenInTheSkeletonOfABorrowedLayerWhoseCacheNobodyOpened) {
  seed(config::Strategy::link);
  ASSERT_EQ(::unlink((dir_of({*base_, *top_}) / "skeleton/a/gone").c_str()), 0);
  Found after = found_after_reboot();
  EXPECT_EQ(flaws(after).size(), 1U);
}

TEST_F(LayerFlawsTest, AreSeenInWhatIsBorrowedFromACacheThatIsRefused) {
  seed(config::Strategy::link);
  Found found = this->found();
  found.caches.refused = {builder_.dir().path().native()};
  EXPECT_EQ(flaws(found).size(), 3U);
  Found beside = this->found();
  beside.caches.refused = {builder_.dir().path().parent_path().native()}; // a typo's
  EXPECT_TRUE(flaws(beside).empty());
}

// What a job can write into a data root, to be run under a cached image's name.
TEST_F(LayerFlawsTest, AreLinksThatLeadElsewhereThanIntoTheCache) {
  seed(config::Strategy::link);
  const auto link = dir_of({*base_}) / "diff";
  root_.make_dir("evil/layer/" + base_->hex() + "/tree");
  for (const std::string& target : {std::string("/etc"), (root_ / "evil").native(),
                                    (root_ / ("evil/layer/" + base_->hex() + "/tree")).native()}) {
    ASSERT_EQ(::unlink(link.c_str()), 0);
    ASSERT_EQ(::symlink(target.c_str(), link.c_str()), 0);
    Found with_cache = found();
    with_cache.caches = caches();
    EXPECT_EQ(flaws(with_cache),
              std::vector{"it leads to " + target + ", which is not its tree in a cache"});
    Found without = found();
    EXPECT_EQ(flaws(without).size(), 1U) << target;
  }
}

// Another way to the same tree is as good as the cache's own path.
TEST_F(LayerFlawsTest, AreNotLinksThatLeadToTheSameTreeByAnotherName) {
  seed(config::Strategy::link);
  const TempDir other;
  ASSERT_EQ(::symlink(builder_.dir().path().c_str(), (other / "cache").c_str()), 0);
  const auto link = dir_of({*base_}) / "diff";
  ASSERT_EQ(::unlink(link.c_str()), 0);
  ASSERT_EQ(::symlink((other / "cache/layer" / base_->hex() / "tree").c_str(), link.c_str()), 0);
  Found found = this->found();
  found.caches = caches();
  EXPECT_TRUE(flaws(found).empty());
}

TEST_F(LayerFlawsTest, AreRecordsOfACachedLayerWhoseDirectoryNeitherEngineNorSeedingNamed) {
  seed(config::Strategy::copy);
  const std::string record = "image/overlay2/layerdb/sha256/" + base_->hex() + "/cache-id";
  root_.make_dir("overlay2/evil/diff");
  root_.write(record, "evil");
  Found found = this->found();
  EXPECT_TRUE(flaws(found).empty()) << "no cache has it";
  found.caches = caches();
  EXPECT_EQ(flaws(found).size(), 1U);

  const std::string random(64, 'a');
  root_.make_dir("overlay2/" + random + "/diff");
  root_.write(record, random);
  Found pulled = this->found();
  pulled.caches = caches();
  EXPECT_TRUE(flaws(pulled).empty()) << "as an engine pulls it";
  Found proved = this->found();
  proved.caches = caches();
  EXPECT_FALSE(flaws(proved, config::Verify::full).empty());
  EXPECT_FALSE(proved.seen.state.of("overlay2").layers.at(*base_).reachable);
}

TEST_F(LayerFlawsTest, AreInContentThatAJobChangedIfAllIsVerified) {
  const auto changes = [&](const std::function<void(const boost::filesystem::path&)>& change) {
    boost::filesystem::remove_all(root_.path() / "overlay2");
    boost::filesystem::remove_all(root_.path() / "image");
    boost::filesystem::remove_all(root_.path() / ".dind-init");
    seed(config::Strategy::copy);
    change(dir_of({*base_, *top_}));
    Found quick = found();
    quick.caches = caches();
    EXPECT_TRUE(flaws(quick).empty());
    Found full = found();
    full.caches = caches();
    return flaws(full, config::Verify::full);
  };
  const auto put = [](const boost::filesystem::path& path, const std::string& text) {
    std::ofstream(path.native()) << text;
  };
  EXPECT_TRUE(changes([](const auto&) {}).empty());
  EXPECT_EQ(changes([&](const auto& dir) { put(dir / "diff/a/new", "bad"); }).size(), 1U);
  EXPECT_EQ(changes([&](const auto& dir) { put(dir / "diff/a/more", "bad"); }).size(), 1U);
  EXPECT_EQ(changes([&](const auto& dir) {
              ::unlink((dir / "diff/a/gone").c_str());
              put(dir / "diff/a/gone", "in the place of a mark");
            }).size(),
            1U);
  EXPECT_EQ(changes([](const auto& dir) { ::chmod((dir / "diff/a/new").c_str(), 04755); }).size(),
            1U);
  EXPECT_EQ(changes([](const auto& dir) {
              boost::filesystem::create_directories(dir / "skeleton/a/evil");
            }).size(),
            1U);
}

// In the containerd store a layer may be several snapshots.
class SnapshotFlawsTest : public LayerFlawsTest {
protected:
  SnapshotFlawsTest() { seeder_.driver = store::kOverlayfs; }

  std::vector<std::string> proved_flaws() {
    Found full = found();
    full.caches = caches();
    return flaws(full, config::Verify::full);
  }
  boost::filesystem::path files_of(const std::string& id) const {
    return root_ / (store::layers_dir(store::kOverlayfs) + "/" + id + "/fs");
  }
  store::PresentLayer top() const {
    return found().seen.state.of(store::kOverlayfs).layers.at(chain_of({*base_, *top_}));
  }
  void materialise_all() {
    const Found now = found();
    std::set<Digest> layers;
    for (const auto& [chain_id, layer] : now.seen.state.of(now.driver).layers) {
      layers.insert(chain_id);
    }
    clone::CloneProgress progress;
    const auto done = seed::materialise({.driver = now.driver,
                                         .state = now.seen.state.of(now.driver),
                                         .layers = layers,
                                         .interrupted = [] { return false; }},
                                        root_.fd(), progress);
    ASSERT_TRUE(ok(done));
    EXPECT_TRUE(done->failed.empty());
  }
  static void put(const boost::filesystem::path& path, const std::string& text) {
    std::ofstream(path.native()) << text;
  }
};

TEST_F(SnapshotFlawsTest, AreNoneInWhatIsWholeIfAllIsVerified) {
  seed(config::Strategy::link);
  EXPECT_TRUE(proved_flaws().empty());
  materialise_all();
  EXPECT_TRUE(proved_flaws().empty());
}

TEST_F(SnapshotFlawsTest, AreInContentThatAJobChangedIfAllIsVerified) {
  seed(config::Strategy::copy);
  EXPECT_TRUE(proved_flaws().empty());
  const auto file = files_of(top().cache_id) / "a/new";
  put(file, "bad");
  Found quick = found();
  quick.caches = caches();
  EXPECT_TRUE(flaws(quick).empty());
  EXPECT_EQ(proved_flaws().size(), 1U);
  seeder_.flaws = {{chain_of({*base_, *top_}), "it was changed"}};
  seed(config::Strategy::copy);
  EXPECT_TRUE(proved_flaws().empty());
  ASSERT_EQ(::chmod(file.c_str(), 04755), 0);
  EXPECT_EQ(proved_flaws().size(), 1U);
}

TEST_F(SnapshotFlawsTest, AreInNamesThatAJobAddedIfAllIsVerified) {
  seed(config::Strategy::link);
  put(files_of(*top().marks_id) / "a/more", "bad");
  EXPECT_EQ(proved_flaws(), std::vector<std::string>{"\"a/more\" is in no layer"});
  ASSERT_EQ(::unlink((files_of(*top().marks_id) / "a/more").c_str()), 0);
  ASSERT_EQ(::unlink((files_of(*top().marks_id) / "a/gone").c_str()), 0);
  put(files_of(*top().marks_id) / "a/gone", "in the place of a mark");
  EXPECT_EQ(proved_flaws(), std::vector<std::string>{"\"a/gone\" is in no layer"});
  seeder_.flaws = {{chain_of({*base_, *top_}), "it was changed"}};
  seed(config::Strategy::link);
  seeder_.flaws.clear();
  materialise_all();
  put(files_of(*top().marks_id) / "a/more", "bad");
  EXPECT_EQ(proved_flaws().size(), 1U);
  ASSERT_EQ(::unlink((files_of(*top().marks_id) / "a/more").c_str()), 0);
  put(files_of(top().files_id()) / "a/more", "bad");
  EXPECT_EQ(proved_flaws().size(), 1U);
}

// A directory that the tar does not name looks as it does in the layers below, and where that is
// another look than in the cache's tree, it is in a snapshot of its own.
TEST_F(SnapshotFlawsTest, AreNotWhatADirectoryHasFromTheLayersBelow) {
  CacheBuilder other;
  const Digest base = other.add_layer(TarBuilder().directory("tmp", 01777).finish());
  const Digest top = other.add_layer(
      TarBuilder().file("tmp/new", "new").whiteout("tmp/gone").finish(), {"tmp/gone"});
  other.add_image("app:1", {base, top});
  other.finish();
  const auto cache = cache::Cache::open(other.dir().path()).value();
  const auto proved = [&] {
    Found full = found();
    full.caches.open.push_back(cache::Cache::open(other.dir().path()).value());
    full.caches.views.push_back({.manifest = &full.caches.open.front().manifest()});
    return flaws(full, config::Verify::full);
  };
  const auto seed_other = [&](config::Strategy wish) {
    seeder_.caches = {&cache};
    seeder_.settings.seed = wish;
    ASSERT_TRUE(ok(seeder_.run()));
  };
  seed_other(config::Strategy::link);
  EXPECT_EQ(proved(), std::vector<std::string>());
  materialise_all();
  EXPECT_EQ(proved(), std::vector<std::string>());
  const auto layer = [&] {
    return found().seen.state.of(store::kOverlayfs).layers.at(chain_of({base, top}));
  };
  ASSERT_TRUE(layer().tree_id);
  const auto planted = files_of(layer().cache_id) / "tmp/more";
  put(planted, "bad");
  EXPECT_EQ(proved(), std::vector<std::string>{"\"tmp/more\" is in no layer"});
  seeder_.flaws = {{chain_of({base, top}), "it was changed"}};
  seed_other(config::Strategy::copy);
  EXPECT_EQ(proved(), std::vector<std::string>());
  put(files_of(*layer().tree_id) / "more", "bad");
  EXPECT_EQ(proved().size(), 1U);
}

TEST_F(LayerFlawsTest, AreInWhatAJobPutBelowABorrowedLayerIfAllIsVerified) {
  seed(config::Strategy::link);
  Found whole = found();
  whole.caches = caches();
  EXPECT_TRUE(flaws(whole, config::Verify::full).empty());
  boost::filesystem::create_directories(dir_of({*base_, *top_}) / "skeleton/evil");
  Found found = this->found();
  found.caches = caches();
  EXPECT_EQ(flaws(found, config::Verify::full),
            std::vector<std::string>{"\"evil\" is in no layer"});
}

// Terabytes of nothing are not read: the cache knows the size.
TEST_F(LayerFlawsTest, AreFilesThatAreLargerThanTheCacheSays) {
  seed(config::Strategy::copy);
  ASSERT_EQ(::truncate((dir_of({*base_, *top_}) / "diff/a/new").c_str(), off_t{1} << 43), 0);
  Found after = found_after_reboot();
  after.caches = caches();
  EXPECT_EQ(flaws(after).size(), 1U);
}

// It lists the skeleton of its parent for ever.
TEST_F(LayerFlawsTest, AreNoneInAChildWhoseParentWasBorrowedOnce) {
  seed(config::Strategy::link);
  seeder_.flaws = {{chain_of({*base_, *top_}), "a is altered"}};
  seed(config::Strategy::copy);
  seeder_.flaws.clear();
  ASSERT_TRUE(boost::filesystem::is_directory(dir_of({*base_, *top_}) / "diff/a"));
  Found after = found_after_reboot();
  EXPECT_TRUE(flaws(after).empty());
}

TEST_F(LayerFlawsTest, AreNotWhatNobodyCouldLookAt) {
  seed(config::Strategy::copy);
  EXPECT_TRUE(test::holds_in_child([&] {
    Found after = found_after_reboot();
    const rlimit few{8, 8};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_TRUE(flaws(after).empty());
    EXPECT_EQ(after.seen.boot_id, seed::kUnchecked); // it is asked again
  }));
}

TEST_F(LayerFlawsTest, AreNotOpaqueDirectoriesThatOnlyThePrivilegedSee) {
  CacheBuilder other;
  const Digest base = other.add_layer(TarBuilder().directory("a").file("a/gone", "gone").finish());
  const Digest top = other.add_layer(TarBuilder().directory("a").opaque("a").finish());
  other.manifest().layers.back().copy_reason = "so it is unpacked, marks and all";
  other.add_image("app:1", {base, top});
  other.finish();
  const auto cache = cache::Cache::open(other.dir().path()).value();
  seeder_.caches = {&cache};
  seeder_.settings.seed = config::Strategy::copy;
  ASSERT_TRUE(ok(seeder_.run()));
  EXPECT_TRUE(test::holds_in_child([&] {
    Found after = found_after_reboot();
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    EXPECT_EQ(::syscall(SYS_capget, &header, data.data()), 0);
    data[0].effective &= ~(1U << CAP_SYS_ADMIN);
    EXPECT_EQ(::syscall(SYS_capset, &header, data.data()), 0);
    EXPECT_TRUE(flaws(after).empty());
    EXPECT_EQ(after.seen.boot_id, seed::kUnchecked);
  }));
}

} // namespace
} // namespace dind::boot
