#include <seed/materialise.hpp>

#include <store/layer_check.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <sys/dir.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace dind::seed {
namespace {

using test::CacheBuilder;
using test::ok;
using test::TarBuilder;
using test::TempDir;

// A data root with an image that is borrowed whole, and a layer that deletes.
class MaterialiseTest : public testing::Test {
protected:
  MaterialiseTest() {
    base_ = builder_.add_layer(
        TarBuilder().directory("etc").file("etc/kept", "kept").file("etc/gone", "gone").finish());
    top_ = builder_.add_layer(
        TarBuilder().directory("etc").whiteout("etc/gone").file("etc/new", "new").finish(),
        {"etc/gone"});
    id_ = builder_.add_image("app:1", {base_, top_});
    builder_.finish();
    cache_.emplace(cache::Cache::open(builder_.dir().path()).value());
    seeder_.caches = {&*cache_};
    seeder_.settings.seed = config::Strategy::link;
    EXPECT_TRUE(ok(seeder_.run()));
  }

  store::DriverState state() const {
    return store::read_state(root_.path().native()).value().of("overlay2");
  }

  Result<MaterialiseReport> run(const std::set<Digest>& layers) {
    const std::string driver = "overlay2";
    const store::DriverState now = state();
    clone::CloneProgress progress;
    return materialise({.driver = driver,
                        .state = now,
                        .layers = layers,
                        .interrupted = [this] { return interrupted_; }},
                       root_.fd(), progress);
  }

  std::set<Digest> all() const {
    std::set<Digest> layers;
    for (const auto& [chain_id, layer] : state().layers) {
      layers.insert(chain_id);
    }
    return layers;
  }

  std::string dir_of(const Digest& chain_id) const {
    return "overlay2/" + state().layers.at(chain_id).cache_id;
  }

  CacheBuilder builder_;
  Digest base_ = Digest::from_hex(std::string(64, '0')).value();
  Digest top_ = base_;
  Digest id_ = base_;
  std::optional<cache::Cache> cache_;
  const TempDir root_;
  test::Seeder seeder_{root_};
  bool interrupted_ = false;
};

TEST_F(MaterialiseTest, GivesBorrowedLayersFilesOfTheirOwnAndKeepsTheirSkeletons) {
  const auto report = run(all());
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->done.size(), 2U);
  EXPECT_TRUE(report->failed.empty());
  for (const auto& [chain_id, layer] : state().layers) {
    EXPECT_EQ(layer.borrowed_from, "");
    EXPECT_TRUE(layer.reachable);
    const auto record = root_ / ("image/overlay2/layerdb/sha256/" + chain_id.hex());
    EXPECT_TRUE(S_ISREG(test::stat_of(record / "tar-split.json.gz").st_mode));
  }
  const Digest top = cache::chain_ids(std::vector{base_, top_}).back();
  EXPECT_EQ(root_.read(dir_of(top) + "/diff/etc/new"), "new");
  EXPECT_TRUE(S_ISCHR(test::stat_of(root_ / (dir_of(top) + "/skeleton/etc/gone")).st_mode));
  EXPECT_FALSE(root_.has(".dind-init/materialise"));
}

// With their marks in the skeletons, and without the cache.
TEST_F(MaterialiseTest, LayersAreWholeAfterAReboot) {
  ASSERT_TRUE(ok(run(all())));
  ASSERT_TRUE(ok(
      sys::remove_tree_at({sys::open_dir(builder_.dir().path()).value(), std::string("layer")})));
  const auto flaw_of = [&](const Digest& chain_id) {
    const auto found = store::find_flaw({root_.fd(), "overlay2", state()}, chain_id, {}).value();
    return found ? found->why : std::string();
  };
  for (const Digest& chain_id : all()) {
    EXPECT_EQ(flaw_of(chain_id), "");
  }
  const Digest top = cache::chain_ids(std::vector{base_, top_}).back();
  ASSERT_EQ(::unlink((root_ / (dir_of(top) + "/skeleton/etc/gone")).c_str()), 0);
  EXPECT_EQ(flaw_of(top), "the whiteout of etc/gone is missing");
}

TEST_F(MaterialiseTest, TwoAtOnceTakeTurnsAndDoEachLayerOnce) {
  const std::set<Digest> layers = all();
  std::size_t done = 0;
  std::atomic<std::size_t> done_beside = 0;
  {
    const std::jthread beside([&] {
      const auto report = run(layers);
      EXPECT_TRUE(ok(report));
      done_beside = report->done.size();
    });
    const auto report = run(layers);
    ASSERT_TRUE(ok(report));
    EXPECT_TRUE(report->failed.empty());
    done = report->done.size();
  }
  EXPECT_EQ(done + done_beside, 2U);
  EXPECT_EQ(root_.read(dir_of(base_) + "/diff/etc/kept"), "kept");
}

TEST_F(MaterialiseTest, MayBeInterruptedWhileItWaits) {
  const Fd own = sys::open_dir(root_ / ".dind-init").value();
  const std::string name = "materialise.lock";
  const Fd held = sys::open_at({own, name}, O_RDWR | O_CREAT, 0600).value();
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  interrupted_ = true;
  EXPECT_TRUE(test::fails_with(ECANCELED, run(all())));
}

TEST_F(MaterialiseTest, RemovesWhatAKilledOneLeft) {
  root_.make_dir(".dind-init/materialise/left");
  ASSERT_TRUE(ok(run({})));
  EXPECT_FALSE(root_.has(".dind-init/materialise"));
}

TEST_F(MaterialiseTest, LeavesOthersBorrowed) {
  const auto report = run({base_}); // of a base, the chain ID is the diff ID
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->done, std::vector{base_});
  EXPECT_EQ(state().layers.at(base_).borrowed_from, "");
  EXPECT_NE(state().layers.at(cache::chain_ids(std::vector{base_, top_}).back()).borrowed_from, "");
}

TEST_F(MaterialiseTest, NamesALayerWhoseCacheHasGoneAndLeavesItAsItIs) {
  ASSERT_TRUE(ok(
      sys::remove_tree_at({sys::open_dir(builder_.dir().path()).value(), std::string("layer")})));
  const auto report = run(all());
  ASSERT_TRUE(ok(report));
  EXPECT_TRUE(report->done.empty());
  EXPECT_EQ(report->failed.size(), 2U);
  EXPECT_NE(state().layers.at(base_).borrowed_from, "");
}

// A job leaves links behind; a later one on the volume would find what they lead to.
TEST_F(MaterialiseTest, TakesNothingFromWhereAPlantedLinkLeads) {
  const TempDir outside;
  outside.write("key.pem", "secret");
  const std::string record = "image/overlay2/layerdb/sha256/" + base_.hex() + "/tar-split.json.gz";
  const auto replace = [&](const std::string& link, const std::string& target) {
    ASSERT_EQ(::unlink((root_ / link).c_str()), 0);
    ASSERT_EQ(::symlink(target.c_str(), (root_ / link).c_str()), 0);
  };
  const std::string split = sys::read_link_at({root_.fd(), record}).value();
  replace(record, (outside / "key.pem").native());
  EXPECT_EQ(run({base_}).value().failed.size(), 1U);
  replace(record, split);
  for (const std::string& target :
       {outside.path().native(), root_.path().native(),
        (outside / ("layer/" + top_.hex() + "/tree")).native(), // another layer's
        (outside / ("layer/" + base_.hex() + "/tree")).native()}) {
    replace(dir_of(base_) + "/diff", target);
    const auto report = run({base_});
    ASSERT_TRUE(ok(report));
    EXPECT_EQ(report->failed.size(), 1U) << target;
    EXPECT_EQ(sys::read_link_at({root_.fd(), dir_of(base_) + "/diff"}).value(), target);
  }
}

// What has the form of a cache's name is read beneath that cache.
TEST_F(MaterialiseTest, FollowsNoSymlinkInWhatLooksLikeACache) {
  const TempDir outside;
  outside.write("secret/tree/key.pem", "secret");
  const TempDir planted;
  planted.make_dir("layer");
  ASSERT_EQ(::symlink((outside / "secret").c_str(), (planted / ("layer/" + base_.hex())).c_str()),
            0);
  const auto link = root_ / (dir_of(base_) + "/diff");
  ASSERT_EQ(::unlink(link.c_str()), 0);
  ASSERT_EQ(::symlink((planted / ("layer/" + base_.hex() + "/tree")).c_str(), link.c_str()), 0);
  EXPECT_EQ(run({base_}).value().failed.size(), 1U);
  EXPECT_TRUE(S_ISLNK(test::stat_of(link).st_mode));
}

TEST_F(MaterialiseTest, UsersStandOnWhatTheyBuiltOnAndNamed) {
  const Receipt receipt = read_receipt(sys::open_dir(root_ / ".dind-init").value()).value();
  store::DriverState held = state();
  EXPECT_TRUE(layers_of_users(held, receipt).empty());
  held.container_layers = {base_};
  EXPECT_EQ(layers_of_users(held, receipt), std::set{base_});
  held.references.insert_or_assign("mine:1", id_);
  EXPECT_EQ(layers_of_users(held, receipt).size(), 2U);
}

} // namespace
} // namespace dind::seed
