#include <store/open_driver.hpp>

#include <archive/sha256.hpp>
#include <cache/manifest.hpp>
#include <store/layout.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/image_mount.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/tree_description.hpp>
#include <sys/btrfs.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>
#include <sys/spawn.hpp>
#include <sys/xattr.hpp>

#include <boost/filesystem/operations.hpp>
#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

namespace dind::store {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;
using test::TarBuilder;
using test::TarMember;
using test::TempDir;
using Listing = std::map<std::string, std::string>;

// A layer as a cache has it: tree and skeleton, and its tar.
struct TestLayer {
  explicit TestLayer(std::string bytes);
  std::string tar;
  Digest diff_id;
  TempDir tree;
  cache::Skeleton skeleton;
};

cache::Node node_of(const std::string& path, const archive::TarEntry& entry) {
  const std::uint32_t type = entry.type == archive::EntryType::fifo           ? S_IFIFO
                             : entry.type == archive::EntryType::block_device ? S_IFBLK
                                                                              : S_IFCHR;
  return {.path = path,
          .mode = type | entry.mode,
          .uid = entry.uid,
          .gid = entry.gid,
          .major = entry.device_major,
          .minor = entry.device_minor,
          .mtime = entry.mtime,
          .mtime_ns = entry.mtime_ns,
          .link_to = ""};
}

TestLayer::TestLayer(std::string bytes) : tar(std::move(bytes)), diff_id(archive::sha256_of(tar)) {
  test::RecordingMarks marks;
  EXPECT_TRUE(ok(test::unpack(tar, tree.fd(), marks)));
  EXPECT_EQ(::chmod(tree.path().c_str(), 0755), 0);
  skeleton.opaque = marks.opaque_dirs;
  skeleton.implied = marks.implied_dirs;
  skeleton.overridden_whiteouts = marks.overridden;
  skeleton.whiteouts = marks.whiteouts;
  for (const std::string& path : marks.overridden) {
    std::erase(skeleton.whiteouts, path);
  }
  for (const auto& [path, entry] : marks.nodes) {
    skeleton.nodes.push_back(node_of(path, entry));
  }
  const auto members = test::members_of(tar).value();
  for (const auto& [path, target] : marks.node_links) {
    for (const archive::TarEntry& member : members) {
      for (cache::Node& node : skeleton.nodes) {
        if (member.name == path && node.path == target) {
          node.mode = (node.mode & S_IFMT) | member.mode; // the last link's metadata count
          node.uid = member.uid;
          node.gid = member.gid;
          node.mtime = member.mtime;
        }
      }
    }
    skeleton.nodes.push_back({.path = path, .link_to = target});
    skeleton.nodes.back().mode = S_IFCHR;
  }
}

using Chain = std::vector<std::unique_ptr<TestLayer>>;

Chain chain_of(std::vector<std::string> tars) {
  Chain chain;
  for (std::string& tar : tars) {
    chain.push_back(std::make_unique<TestLayer>(std::move(tar)));
  }
  return chain;
}

// Everything that a layer can hold, and everything that one can do to those below.
Chain nasty_chain() {
  auto tars = test::nasty_layers();
  tars.resize(2);
  TarMember kept{.name = "kept", .type = '5', .content = {}, .mode = 0750, .uid = 3};
  tars.push_back(TarBuilder()
                     .directory("old", 0700)
                     .file("old/x", "x")
                     .directory("swap")
                     .file("swap/a", "a")
                     .add(kept)
                     .file("kept/f", "f")
                     .file("kept/sub/deep", "deep")
                     .symlink("alias", "etc")
                     .finish());
  tars.push_back(TarBuilder()
                     .whiteout("old")
                     .directory("old")
                     .file("old/y", "y")
                     .file("swap", "a file now")
                     .file("kept/g", "g")
                     .file("fresh/z", "z")
                     .finish());
  tars.push_back(TarBuilder()
                     .directory("swap")
                     .file("swap/b", "b")
                     .char_device("kept/f", 1, 3)
                     .whiteout("kept/sub")
                     .whiteout("alias")
                     .opaque("dev")
                     .fifo("dev/pipe")
                     .finish());
  return chain_of(std::move(tars));
}

enum class Way { borrowed, cloned, unpacked };

bool is_overlay(const std::string& driver) {
  return driver == kOverlay2 || driver == kFuseOverlayfs;
}

// A data root for one driver.
class Site {
public:
  explicit Site(std::string driver, Users users = {})
      : driver_(std::move(driver)), users_(std::move(users)) {
    if (driver_ == kBtrfs) {
      mount_ = std::make_unique<test::ImageMount>("btrfs");
    }
    root_ = sys::open_dir(path()).value();
  }

  bool is_fit() const { return !mount_ || mount_->is_mounted(); }
  boost::filesystem::path path() const { return mount_ ? mount_->path() : dir_.path(); }
  const Fd& root() const { return root_; }
  boost::filesystem::path layers() const { return path() / layers_dir(driver_); }
  std::unique_ptr<StorageDriver> open() const {
    return open_driver(root_, driver_, users_).value();
  }

  // The cache-ids of a chain's layers.
  std::vector<std::string> add(const Chain& chain, Way way) const {
    const auto driver = open();
    std::vector<std::string> cache_ids;
    StorageDriver::OptionalParent parent;
    for (const auto& layer : chain) {
      const std::optional<Digest> below = parent ? std::optional(parent->chain_id) : std::nullopt;
      const Digest chain_id = cache::next_chain_id(below, layer->diff_id);
      EXPECT_TRUE(ok(add(*driver, chain_id, parent, *layer, way)));
      cache_ids.push_back(cache_id_of(chain_id));
      parent = StorageDriver::Parent{chain_id, cache_ids.back()};
    }
    return cache_ids;
  }

  static Result<void> add(StorageDriver& driver, const Digest& chain_id,
                          const StorageDriver::OptionalParent& parent, const TestLayer& layer,
                          Way way, const std::function<Result<void>()>& check = nullptr) {
    clone::CloneProgress progress;
    const Cloning cloning{.share = clone::CloneMethod::hardlink, .jobs = 2, .progress = progress};
    switch (way) {
    case Way::borrowed:
      return driver.add_borrowed(chain_id, parent, layer.tree.path().native(), layer.skeleton);
    case Way::cloned:
      return driver.add_cloned(chain_id, parent, layer.tree.fd(), layer.skeleton, cloning);
    case Way::unpacked:
      break;
    }
    archive::MemorySource tar(layer.tar);
    const auto fine = []() { return Result<void>(); };
    return driver.add_unpacked(chain_id, parent, tar, check ? check : fine, cloning);
  }

  // What the engine would show of a layer, through a real mount where it mounts.
  Listing view(const std::string& cache_id) const {
    const auto layer = layers() / cache_id;
    if (!is_overlay(driver_)) {
      return test::describe_tree(layer);
    }
    std::string rest = lower_of(cache_id);
    if (rest.empty()) {
      return test::describe_tree(layer / "diff"); // as the engine does it
    }
    std::string lowers = (layer / "diff").native();
    while (!rest.empty()) {
      const auto colon = rest.find(':');
      lowers += ":" + (layers() / rest.substr(0, colon)).native();
      rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    }
    const TempDir merged;
    if (driver_ == kOverlay2) {
      EXPECT_TRUE(ok(sys::mount("overlay", merged.path(), "overlay", 0, "lowerdir=" + lowers)));
    } else {
      const auto mounted =
          sys::run({"fuse-overlayfs", "-o", "lowerdir=" + lowers, merged.path().native()});
      EXPECT_TRUE(mounted && mounted->status.code == 0) << (mounted ? mounted->output : "");
    }
    Listing listing = test::describe_tree(merged.path());
    EXPECT_TRUE(ok(sys::unmount(merged.path())));
    return listing;
  }

  std::string lower_of(const std::string& cache_id) const {
    const auto lower = sys::read_file(layers() / cache_id / "lower", 1U << 20U);
    return lower ? *lower : "";
  }

private:
  std::string driver_;
  Users users_;
  TempDir dir_;
  std::unique_ptr<test::ImageMount> mount_;
  Fd root_;
};

class GraphDriverTest : public testing::TestWithParam<const char*> {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0 && test::enter_mount_namespace(), "root and a mount namespace");
    NEEDS(site_.is_fit(), "loop devices and mkfs.btrfs");
    if (driver_ == kFuseOverlayfs) {
      const auto found = sys::run({"fuse-overlayfs", "--version"});
      NEEDS(found && found->status.code == 0 && ::access("/dev/fuse", R_OK | W_OK) == 0,
            "fuse-overlayfs and /dev/fuse");
    }
  }

  std::vector<std::string> entries(const boost::filesystem::path& dir) {
    std::vector<std::string> names;
    const Fd opened = sys::open_dir(dir).value();
    const auto list = sys::list_dir(opened).value();
    for (const sys::DirEntry& entry : list) {
      names.push_back(entry.name);
    }
    return names;
  }

  boost::filesystem::path staging() const {
    return site_.path() / (is_overlay(driver_) ? kStagingDir : driver_ + "/" + kOwnDir);
  }

  const std::string driver_ = GetParam();
  const Site site_{driver_};
};

TEST_P(GraphDriverTest, EveryWayToMakeAChainShowsTheSame) {
  const Chain chain = nasty_chain();
  const auto unpacked = site_.add(chain, Way::unpacked);
  std::vector<Listing> expected;
  for (const std::string& cache_id : unpacked) {
    expected.push_back(site_.view(cache_id));
    EXPECT_GT(expected.back().size(), 20U);
  }
  std::vector<Way> ways = {Way::cloned};
  if (is_overlay(driver_)) {
    ways.push_back(Way::borrowed);
  }
  for (const Way way : ways) {
    const auto made = site_.add(chain, way); // takes the place of what has its name
    for (std::size_t i = 0; i < made.size(); ++i) {
      EXPECT_EQ(site_.view(made[i]), expected[i])
          << "layer " << i << ", way " << static_cast<int>(way);
    }
  }
}

TEST_P(GraphDriverTest, LayersHaveOnlyWhatReadOnlyOnesNeed) {
  if (!is_overlay(driver_)) {
    return;
  }
  const auto made = site_.add(nasty_chain(), Way::cloned);
  const auto committed = test::stat_of(site_.layers() / made.front() / "committed");
  for (const std::string& cache_id : made) {
    const auto layer = site_.layers() / cache_id;
    EXPECT_EQ(test::stat_of(layer / "committed").st_ino, committed.st_ino);
    EXPECT_FALSE(boost::filesystem::exists(layer / "work"));
  }
}

TEST_P(GraphDriverTest, AppliesALayerAsItsDriverDoes) {
  const Chain chain = nasty_chain();
  const auto made = site_.add(chain, Way::cloned);
  const Listing base = site_.view(made[0]);
  EXPECT_TRUE(base.at("bin/su").starts_with("104711 0:7 ")); // the last hard link's metadata
  EXPECT_TRUE(base.at("bin/sudo").ends_with(" = bin/su"));
  EXPECT_TRUE(base.at("dev/disk").starts_with("60660 0:0 "));
  EXPECT_TRUE(base.at("dev/tty2").ends_with(" = dev/tty"));
  const Listing second = site_.view(made[1]);
  EXPECT_FALSE(second.contains("etc/passwd"));
  EXPECT_TRUE(second.contains("etc/fraction"));
  EXPECT_FALSE(second.contains("home/u/mine")); // opaque
  EXPECT_TRUE(second.contains("home/u/new"));
  EXPECT_NE(second.at("bin/ping").find("pong"), std::string::npos);
  const Listing fourth = site_.view(made[3]);
  EXPECT_TRUE(fourth.contains("old/y"));
  EXPECT_NE(fourth.at("swap").find("a file now"), std::string::npos);
  const Listing top = site_.view(made[4]);
  EXPECT_TRUE(top.contains("swap/b"));
  EXPECT_FALSE(top.contains("swap/a"));
  EXPECT_TRUE(top.at("kept/f").starts_with("20644 "));
  EXPECT_FALSE(top.contains("kept/sub"));
  EXPECT_FALSE(top.contains("alias"));
  EXPECT_FALSE(top.contains("dev/tty"));
  EXPECT_TRUE(top.contains("dev/pipe"));
  for (const auto& [path, line] : top) {
    EXPECT_EQ(path.find(".wh."), std::string::npos) << path;
  }
  // Where drivers differ: a whiteout overridden, and directories that a layer implies.
  EXPECT_EQ(fourth.contains("old/x"), is_overlay(driver_));
  EXPECT_TRUE(fourth.at("kept").starts_with(is_overlay(driver_) ? "40755 0:0 " : "40750 3:"));
  EXPECT_TRUE(fourth.at("fresh").starts_with("40755 0:0 "));
}

TEST_P(GraphDriverTest, LeavesAParentAsItWas) {
  const Chain chain = nasty_chain();
  const Chain base = chain_of({test::nasty_layers().front()});
  const auto parent = site_.add(base, Way::cloned);
  const Listing before = site_.view(parent[0]);
  std::ignore = site_.add(chain, Way::cloned);
  EXPECT_EQ(site_.view(parent[0]), before);
  const auto again = site_.add(chain, Way::unpacked);
  EXPECT_EQ(site_.view(again[0]), before);
}

TEST_P(GraphDriverTest, NothingAppearsOfALayerThatFailsItsCheck) {
  const Chain chain = chain_of({TarBuilder().file("a", "a").finish()});
  const auto driver = site_.open();
  const auto before = entries(site_.layers());
  EXPECT_TRUE(fails_saying("no", Site::add(*driver, chain[0]->diff_id, std::nullopt, *chain[0],
                                           Way::unpacked, []() { return input_error("no"); })));
  EXPECT_EQ(entries(site_.layers()), before);
  EXPECT_TRUE(entries(staging()).empty());
}

TEST_P(GraphDriverTest, OpeningRemovesWhatAKilledBootLeft) {
  site_.open();
  const Fd staging_dir = sys::open_dir(staging()).value();
  const std::string name = "half";
  if (driver_ == kBtrfs) {
    ASSERT_TRUE(ok(sys::create_subvolume({staging_dir, name})));
  } else {
    ASSERT_TRUE(ok(sys::make_dir_at({staging_dir, name}, 0700)));
  }
  const Fd half = sys::open_dir_at({staging_dir, name}).value();
  const std::string file = "file";
  ASSERT_TRUE(ok(sys::create_file_at({half, file}, "x", 0600)));
  site_.open();
  EXPECT_TRUE(entries(staging()).empty());
}

TEST_P(GraphDriverTest, RemovesALayerAndAllThatNamesIt) {
  const Chain chain = nasty_chain();
  const auto driver = site_.open();
  const auto before = entries(site_.layers());
  const auto made = site_.add(chain, is_overlay(driver_) ? Way::borrowed : Way::cloned);
  for (auto cache_id = made.rbegin(); cache_id != made.rend(); ++cache_id) {
    EXPECT_TRUE(ok(driver->remove(*cache_id)));
  }
  EXPECT_EQ(entries(site_.layers()), before);
  if (is_overlay(driver_)) { // but those of skeletons, which layers of a user's may list
    for (const std::string& link : entries(site_.layers() / "l")) {
      const auto target = boost::filesystem::read_symlink(site_.layers() / "l" / link).native();
      EXPECT_TRUE(target.ends_with("/skeleton")) << target;
    }
  }
  EXPECT_TRUE(chain[0]->tree.has("bin/su"));
  EXPECT_TRUE(ok(driver->remove(made[0])));
}

TEST_P(GraphDriverTest, RemovesNothingOutsideItsLayers) {
  const auto driver = site_.open();
  for (const char* name : {"", ".", "..", "../x", "a/b"}) {
    EXPECT_TRUE(fails_saying("no layer's directory", driver->remove(name))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, GraphDriverTest,
                         testing::Values("overlay2", "fuse-overlayfs", "vfs", "btrfs"),
                         [](const auto& driver) {
                           std::string name = driver.param;
                           std::erase(name, '-');
                           return name;
                         });

using WholeTreeTest = GraphDriverTest;

TEST_P(WholeTreeTest, BorrowsNothing) {
  const Chain chain = chain_of({TarBuilder().file("a", "a").finish()});
  EXPECT_TRUE(fails_with(EOPNOTSUPP, Site::add(*site_.open(), chain[0]->diff_id, std::nullopt,
                                               *chain[0], Way::borrowed)));
}

TEST_P(WholeTreeTest, RefusesToReachThroughAParentsSymlink) {
  const TempDir outside;
  outside.write("victim", "safe");
  const Chain chain = chain_of({TarBuilder().symlink("lib", outside.path().native()).finish(),
                                TarBuilder().file("lib/victim", "changed").finish(),
                                TarBuilder().whiteout("lib/victim").finish(),
                                TarBuilder().directory("lib").file("lib/victim", "own").finish()});
  const auto driver = site_.open();
  ASSERT_TRUE(ok(Site::add(*driver, chain[0]->diff_id, std::nullopt, *chain[0], Way::cloned)));
  const StorageDriver::Parent parent{chain[0]->diff_id, cache_id_of(chain[0]->diff_id)};
  for (const Way way : {Way::cloned, Way::unpacked}) {
    for (const auto& layer : {&chain[1], &chain[2]}) {
      EXPECT_TRUE(
          fails_with(EOPNOTSUPP, Site::add(*driver, (*layer)->diff_id, parent, **layer, way)));
    }
    ASSERT_TRUE(ok(Site::add(*driver, chain[3]->diff_id, parent, *chain[3], way)));
    EXPECT_TRUE(site_.view(cache_id_of(chain[3]->diff_id)).contains("lib/victim"));
  }
  EXPECT_EQ(outside.read("victim"), "safe");
  EXPECT_EQ(entries(site_.layers()).size(), 2U);
  EXPECT_TRUE(entries(staging()).empty());
}

TEST_P(WholeTreeTest, HeedsTheEntryOfTheRootInATar) {
  const Chain chain = chain_of({TarBuilder().directory("./", 0711).file("a", "a").finish(),
                                TarBuilder().file("b", "b").finish()});
  const auto made = site_.add(chain, Way::unpacked);
  EXPECT_TRUE(site_.view(made[0]).at("").starts_with("40711 "));
  EXPECT_TRUE(site_.view(made[1]).at("").starts_with("40711 "));
}

INSTANTIATE_TEST_SUITE_P(Every, WholeTreeTest, testing::Values("vfs", "btrfs"),
                         [](const auto& driver) { return std::string(driver.param); });

TEST(VfsTest, SharesWhatAChildDoesNotChange) {
  NEEDS(::geteuid() == 0, "root");
  const Site site(kVfs);
  const Chain chain = chain_of({TarBuilder().file("same", "1").file("changed", "1").finish(),
                                TarBuilder().file("changed", "2").finish()});
  const auto made = site.add(chain, Way::cloned);
  const auto base = site.layers() / made[0];
  const auto child = site.layers() / made[1];
  EXPECT_EQ(test::stat_of(base / "same").st_ino, test::stat_of(child / "same").st_ino);
  EXPECT_NE(test::stat_of(base / "changed").st_ino, test::stat_of(child / "changed").st_ino);
}

TEST(OverlayTest, ClonedWhiteoutsAreLinksToOneNode) {
  NEEDS(::geteuid() == 0, "root");
  const Site site(kOverlay2);
  const Chain chain = chain_of({TarBuilder().whiteout("a").whiteout("dir/b").finish()});
  const auto made = site.add(chain, Way::cloned);
  const auto diff = site.layers() / made[0] / "diff";
  const struct stat first = test::stat_of(diff / "a");
  EXPECT_TRUE(S_ISCHR(first.st_mode));
  EXPECT_EQ(first.st_rdev, ::makedev(0, 0));
  EXPECT_EQ(first.st_nlink, 2U);
  EXPECT_EQ(test::stat_of(diff / "dir/b").st_ino, first.st_ino);
}

TEST(OverlayTest, ACloneKeepsTheTimesOfDirectoriesThatGetMarks) {
  NEEDS(::geteuid() == 0, "root");
  for (const char* driver : {kOverlay2, kFuseOverlayfs}) {
    const Site site(driver);
    const Chain chain = chain_of(
        {TarBuilder().directory("dir").whiteout("dir/b").fifo("dir/pipe").opaque("dir").finish()});
    const auto made = site.add(chain, Way::cloned);
    const auto diff = site.layers() / made[0] / "diff";
    EXPECT_EQ(test::stat_of(diff / "dir").st_mtime, 1'000'000'000) << driver;
    EXPECT_EQ(test::stat_of(diff).st_mtime, 1'000'000'000) << driver;
  }
}

TEST(OverlayTest, FuseOverlayfsGetsMarksThatAreFiles) {
  NEEDS(::geteuid() == 0, "root");
  const Site site(kFuseOverlayfs);
  const Chain chain = chain_of({TarBuilder().whiteout("a").opaque("dir").finish()});
  for (const Way way : {Way::borrowed, Way::cloned, Way::unpacked}) {
    const auto made = site.add(chain, way);
    const auto marks = site.layers() / made[0] / (way == Way::borrowed ? "skeleton" : "diff");
    EXPECT_TRUE(S_ISREG(test::stat_of(marks / ".wh.a").st_mode));
    EXPECT_TRUE(S_ISREG(test::stat_of(marks / "dir/.wh..wh..opq").st_mode));
  }
}

// Without the times of whiteouts, which are nobody's.
Listing without_whiteout_times(Listing listing) {
  for (auto& [path, description] : listing) {
    if (description.starts_with("20000 ")) {
      description = "whiteout";
    }
  }
  return listing;
}

void expect_same(const Listing& is, const Listing& should) {
  std::vector<std::string> different;
  for (const auto& entry : is) {
    const auto other = should.find(entry.first);
    if (other == should.end() || other->second != entry.second) {
      different.push_back(entry.first);
    }
  }
  EXPECT_EQ(different, std::vector<std::string>());
  EXPECT_EQ(is.size(), should.size());
}

// As the containers of an engine with userns-remap see it.
Listing view_through(const Fd& id_shift, const boost::filesystem::path& dir) {
  const Fd opened = sys::open_dir(dir).value();
  const Fd mapped = sys::open_mapped(opened, id_shift).value();
  const TempDir place;
  EXPECT_EQ(::move_mount(mapped.get(), "", AT_FDCWD, place.path().c_str(), MOVE_MOUNT_F_EMPTY_PATH),
            0);
  Listing listing = test::describe_tree(place.path());
  EXPECT_TRUE(ok(sys::unmount(place.path())));
  return listing;
}

// What files have of them, by path; they lose it.
Listing take_capabilities(const boost::filesystem::path& dir) {
  const std::string name(sys::kCapabilityXattr);
  Listing capabilities;
  for (const auto& entry : boost::filesystem::recursive_directory_iterator(dir)) {
    const Fd parent = sys::open_dir(entry.path().parent_path()).value();
    const std::string file = entry.path().filename().native();
    if (const auto value = sys::get_xattr_at({parent, file}, name).value()) {
      capabilities.emplace(entry.path().lexically_relative(dir).native(), *value);
      EXPECT_EQ(::lremovexattr(entry.path().c_str(), name.c_str()), 0);
    }
  }
  return capabilities;
}

class ShiftedOwnersTest : public testing::TestWithParam<Way> {};

TEST_P(ShiftedOwnersTest, AreThoseOfTheMap) {
  NEEDS(::geteuid() == 0 && test::enter_mount_namespace(), "root and a mount namespace");
  const sys::IdMap ids{{{0, 200000, 65536}}, {{0, 300000, 65536}}};
  const Fd id_shift = sys::make_id_shift(ids).value();
  const Site plain(kOverlay2);
  const Site shifted(kOverlay2, {.shift = ids});
  NEEDS(sys::open_mapped(shifted.root(), id_shift), "ID-mapped mounts where temporary files are");
  const Chain chain = nasty_chain();
  for (const std::string& cache_id : plain.add(chain, GetParam())) {
    SCOPED_TRACE(cache_id);
    const auto layer = shifted.layers() / cache_id;
    if (!boost::filesystem::exists(layer)) {
      shifted.add(chain, GetParam());
    }
    // Stored as the layer has them, which a mapped mount cannot show.
    EXPECT_EQ(take_capabilities(layer / "diff"),
              take_capabilities(plain.layers() / cache_id / "diff"));
    expect_same(without_whiteout_times(view_through(id_shift, layer / "diff")),
                without_whiteout_times(test::describe_tree(plain.layers() / cache_id / "diff")));
    EXPECT_EQ(test::stat_of(layer / "diff").st_uid, 200000U);
    EXPECT_EQ(test::stat_of(layer / "diff").st_gid, 300000U);
    EXPECT_EQ(test::stat_of(layer).st_uid, 0U);
    EXPECT_EQ(test::stat_of(layer).st_gid, 300000U);
    EXPECT_EQ(test::stat_of(layer / "link").st_uid, 0U); // not for the containers' root to write
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, ShiftedOwnersTest, testing::Values(Way::cloned, Way::unpacked));

TEST(OverlayTest, CannotBorrowWhatHasOtherOwners) {
  NEEDS(::geteuid() == 0, "root");
  const sys::IdMap ids{{{0, 200000, 65536}}, {{0, 200000, 65536}}};
  const Chain chain = chain_of({TarBuilder().file("a", "a").finish()});
  const Digest chain_id = cache::next_chain_id({}, chain[0]->diff_id);
  for (const Users& users : {Users{.shift = ids}, Users{.in_namespace = true}}) {
    const Site site(kOverlay2, users);
    EXPECT_TRUE(
        fails_with(EOPNOTSUPP, Site::add(*site.open(), chain_id, {}, *chain[0], Way::borrowed)));
  }
  const Site site(kOverlay2, {.in_namespace = true});
  EXPECT_TRUE(
      fails_with(EOPNOTSUPP, Site::add(*site.open(), chain_id, {}, *chain[0], Way::cloned)));
}

TEST(DriversTest, OthersAreNotMadeByUs) {
  const TempDir root;
  EXPECT_TRUE(fails_with(EOPNOTSUPP, open_driver(root.fd(), "zfs")));
  EXPECT_TRUE(fails_with(EOPNOTSUPP, open_driver(root.fd(), kVfs, Users{.in_namespace = true})));
}

} // namespace
} // namespace dind::store
