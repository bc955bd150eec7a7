#include <store/state.hpp>

#include <archive/sha256.hpp>
#include <cache/manifest.hpp>
#include <store/graph_metadata.hpp>
#include <store/layout.hpp>
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
using test::number;
using test::ok;
using test::TempDir;

class StateTest : public testing::Test {
protected:
  // Returns its chain ID.
  Digest add_layer(const std::string& driver, const Digest& diff_id, const std::string& cache_id,
                   std::optional<Digest> parent = std::nullopt) {
    auto metadata = GraphMetadata::open(root_.fd(), driver);
    EXPECT_TRUE(ok(metadata));
    const Digest chain_id = cache::next_chain_id(parent, diff_id);
    EXPECT_TRUE(ok(metadata->add_layer({.chain_id = chain_id,
                                        .diff_id = diff_id,
                                        .parent = parent,
                                        .cache_id = cache_id,
                                        .size = 1,
                                        .tar_split_path = "/x"})));
    return chain_id;
  }

  static std::string config_of(const Digest& id) {
    return "image/overlay2/imagedb/content/sha256/" + id.hex();
  }

  Digest add_config(const std::string& config) {
    const Digest id = archive::sha256_of(config);
    root_.write(config_of(id), config);
    return id;
  }

  std::string record(char chain_id) {
    return "image/overlay2/layerdb/sha256/" + digest(chain_id).hex();
  }

  StoreState state() {
    auto state = read_state(root_.path().native());
    EXPECT_TRUE(ok(state));
    return state ? std::move(state).value() : StoreState();
  }

  const TempDir root_;
};

TEST_F(StateTest, OfADataRootThatDoesNotExistIsEmpty) {
  const auto state = read_state((root_ / "none").native());
  ASSERT_TRUE(ok(state));
  EXPECT_TRUE(state->prior_drivers.empty());
  EXPECT_TRUE(state->drivers.empty());
  EXPECT_TRUE(state->of("overlay2").empty());
}

TEST_F(StateTest, ALayerThatIsBeingMadeAnewIsOutOfReachUntilItsRecordIsReplaced) {
  root_.write("cache/tar-split", "");
  const std::string cache_id = cache_id_of(digest('a'));
  const LayerRecord record{.chain_id = digest('a'),
                           .diff_id = digest('a'),
                           .parent = std::nullopt,
                           .cache_id = cache_id,
                           .size = 1,
                           .tar_split_path = (root_ / "cache/tar-split").native()};
  auto metadata = GraphMetadata::open(root_.fd(), "overlay2").value();
  ASSERT_TRUE(ok(metadata.add_layer(record)));
  root_.make_dir("overlay2/" + cache_id + "/diff");
  EXPECT_TRUE(state().of("overlay2").layers.at(digest('a')).reachable);
  ASSERT_TRUE(ok(metadata.suspend_layer(digest('a'))));
  EXPECT_FALSE(state().of("overlay2").layers.at(digest('a')).reachable);
  ASSERT_TRUE(ok(metadata.add_layer(record)));
  EXPECT_TRUE(state().of("overlay2").layers.at(digest('a')).reachable);
}

TEST_F(StateTest, TellsALayersIdentityAndWhetherSeedingNamedIt) {
  add_layer("overlay2", digest('a'), cache_id_of(digest('a')));
  const Digest top = add_layer("overlay2", digest('d'), "theirs", digest('a'));
  root_.make_dir("overlay2/theirs/diff");
  root_.write("overlay2/theirs/lower", "l/A:l/B");
  const auto layers = state().of("overlay2").layers;
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_TRUE(layers.at(digest('a')).ours);
  EXPECT_FALSE(layers.at(digest('a')).reachable);
  EXPECT_EQ(layers.at(digest('a')).parent, std::nullopt);
  const PresentLayer& theirs = layers.at(top);
  EXPECT_FALSE(theirs.ours);
  EXPECT_TRUE(theirs.reachable);
  EXPECT_EQ(theirs.diff_id, digest('d'));
  EXPECT_EQ(theirs.parent, digest('a'));
  EXPECT_EQ(theirs.cache_id, "theirs");
  EXPECT_EQ(theirs.borrowed_from, "");
  EXPECT_EQ(theirs.lowers, 2U);
}

TEST_F(StateTest, ReachesABorrowedLayerOnlyWhileItsCacheIsThere) {
  add_layer("fuse-overlayfs", digest('a'), "id");
  const auto tree = root_.make_dir("cache/tree");
  root_.make_dir("fuse-overlayfs/id");
  ASSERT_EQ(::symlink(tree.c_str(), (root_ / "fuse-overlayfs/id/diff").c_str()), 0);
  EXPECT_TRUE(state().of("fuse-overlayfs").layers.at(digest('a')).reachable);
  EXPECT_EQ(state().of("fuse-overlayfs").layers.at(digest('a')).borrowed_from, tree.native());
  ASSERT_EQ(::rmdir(tree.c_str()), 0);
  EXPECT_FALSE(state().of("fuse-overlayfs").layers.at(digest('a')).reachable);
}

TEST_F(StateTest, ReachesWholeTreesWhereTheirDriversHaveThem) {
  add_layer("vfs", digest('a'), "id");
  add_layer("btrfs", digest('a'), "id");
  EXPECT_FALSE(state().of("vfs").layers.at(digest('a')).reachable);
  EXPECT_FALSE(state().of("btrfs").layers.at(digest('a')).reachable);
  root_.make_dir("vfs/dir/id");
  root_.make_dir("btrfs/subvolumes/id");
  EXPECT_TRUE(state().of("vfs").layers.at(digest('a')).reachable);
  EXPECT_TRUE(state().of("btrfs").layers.at(digest('a')).reachable);
}

TEST_F(StateTest, ReportsImagesOfVfsThoughItIsNeverAPriorDriver) {
  add_layer("vfs", digest('a'), "id");
  root_.make_dir("vfs/dir/id");
  EXPECT_TRUE(state().prior_drivers.empty());
  EXPECT_FALSE(state().of("vfs").empty());
  EXPECT_FALSE(state().drivers.contains("overlay2"));
}

TEST_F(StateTest, LeavesOutRecordsThatDockerdWouldNotLoad) {
  root_.write(record('a') + "/cache-id", "id");
  root_.write(record('b') + "/cache-id", "../id");
  root_.write(record('b') + "/diff", digest('b').text());
  root_.write(record('c') + "/cache-id", "id\n");
  root_.write(record('c') + "/diff", digest('c').text() + "\n");
  root_.write(record('d') + "/cache-id", "id");
  root_.write(record('d') + "/diff", digest('d').text());
  root_.write(record('d') + "/parent", "none");
  root_.write("image/overlay2/layerdb/sha256/tmp-x/cache-id", "id");
  const auto layers = state().of("overlay2").layers;
  ASSERT_EQ(layers.size(), 1U);
  EXPECT_EQ(layers.at(digest('c')).cache_id, "id");
}

TEST_F(StateTest, KnowsTheLayersThatImagesAndContainersStandOn) {
  const Digest layered = add_config(R"({"rootfs":{"type":"layers","diff_ids":[")" +
                                    digest('a').text() + R"(",")" + digest('b').text() + R"("]}})");
  const Digest empty = add_config(R"({"architecture":"amd64"})");
  add_config("{");
  root_.write(config_of(digest('4')), R"({"architecture":"amd64"})"); // not what its name says
  root_.write("image/overlay2/layerdb/mounts/container/parent", digest('c').text());
  root_.write("image/overlay2/layerdb/mounts/scratch/mount-id", "x");
  const auto overlay2 = state().of("overlay2");
  ASSERT_EQ(overlay2.images.size(), 2U);
  EXPECT_EQ(overlay2.images.at(layered), (std::vector{digest('a'), digest('b')}));
  EXPECT_TRUE(overlay2.images.at(empty).empty());
  EXPECT_EQ(overlay2.container_layers, std::set<Digest>{digest('c')});
}

// A chain ID is the hash of its parent's and of the diff ID, so none can be below itself.
TEST_F(StateTest, BelievesNoRecordThatItsNameDoesNotProve) {
  root_.write(record('a') + "/cache-id", "id");
  root_.write(record('a') + "/diff", digest('a').text());
  root_.write(record('a') + "/parent", digest('a').text());
  root_.write(record('b') + "/cache-id", "id");
  root_.write(record('b') + "/diff", digest('d').text());
  EXPECT_TRUE(state().of("overlay2").layers.empty());
}

TEST_F(StateTest, KnowsNoLayerThatIsDeeperThanAnEngineMakesThem) {
  std::optional<Digest> top;
  for (unsigned n = 0; n < kMostLayers + 50; ++n) {
    const Digest chain_id = cache::next_chain_id(top, number(n));
    const std::string at = "image/overlay2/layerdb/sha256/" + chain_id.hex();
    root_.write(at + "/cache-id", "id");
    root_.write(at + "/diff", number(n).text());
    if (top) {
      root_.write(at + "/parent", top->text());
    }
    top = chain_id;
  }
  const auto layers = state().of("overlay2").layers;
  EXPECT_EQ(layers.size(), kMostLayers);
  EXPECT_FALSE(layers.contains(*top));
}

// A fifo hangs who opens it to read.
TEST_F(StateTest, IsNotHeldUpByWhatIsNoFile) {
  add_layer("overlay2", digest('a'), "id");
  const Digest below = add_layer("overlay2", digest('b'), "id");
  const std::string names[] = {record('a') + "/diff", record('b') + "/parent",
                               config_of(digest('1')), "image/overlay2/layerdb/mounts/c/parent",
                               "overlay2/id/lower"};
  for (const std::string& name : names) {
    root_.write(name, "");
    ASSERT_EQ(::unlink((root_ / name).c_str()), 0);
    ASSERT_EQ(::mkfifo((root_ / name).c_str(), 0600), 0);
  }
  const auto found = state().of("overlay2");
  EXPECT_EQ(found.layers.size(), 1U);
  EXPECT_TRUE(found.layers.contains(below));
  EXPECT_TRUE(found.images.empty());
  EXPECT_TRUE(found.container_layers.empty());
  const std::string repositories = "image/overlay2/repositories.json";
  ASSERT_EQ(::mkfifo((root_ / repositories).c_str(), 0600), 0);
  EXPECT_TRUE(
      fails_saying("repositories.json is not a regular file", read_state(root_.path().native())));
}

TEST_F(StateTest, ReadsNames) {
  auto metadata = GraphMetadata::open(root_.fd(), "btrfs");
  ASSERT_TRUE(ok(metadata));
  ASSERT_TRUE(ok(metadata->add_references({{"app:1", digest('e')}}, {})));
  EXPECT_EQ(state().of("btrfs").references.at("app:1"), digest('e'));
}

TEST_F(StateTest, CountsDriversByWhatTheirDirectoriesHold) {
  root_.make_dir("overlay2/l");
  root_.make_dir("zfs/x");
  root_.make_dir("btrfs");
  root_.make_dir("vfs/dir");
  EXPECT_EQ(state().prior_drivers, (std::vector<std::string>{"overlay2", "zfs"}));
  EXPECT_FALSE(state().has_containerd_images);
  root_.make_dir("containerd/daemon/io.containerd.content.v1.content/blobs/sha256/x");
  EXPECT_TRUE(state().has_containerd_images);
}

} // namespace
} // namespace dind::store
