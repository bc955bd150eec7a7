#include <host/probe.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>
#include <sys/spawn.hpp>

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

namespace dind::host {
namespace {

using test::ok;
using test::TempDir;

constexpr const char* kOwn = "own";

// What a probe could leave behind, as text. Other programs may probe data roots of their own
// meanwhile.
std::string traces_of(const std::string& place) {
  const std::string scratch = place + "/probe-";
  std::string traces;
  const auto mounts = sys::read_mountinfo();
  for (const sys::MountEntry& mount : *mounts) {
    if (mount.mount_point.native().find(scratch) != std::string::npos) {
      traces += "mount " + mount.mount_point.native() + "\n";
    }
  }
  const auto add_files = [&](const std::string& dir, const std::string& file) {
    const Fd fd = sys::open_dir(dir).value();
    const auto entries = sys::list_dir(fd);
    for (const sys::DirEntry& entry : *entries) {
      const auto text = sys::read_file(dir + "/" + entry.name + "/" + file, 1U << 20U);
      if (text && text->find(scratch) != std::string::npos) {
        traces += file + " " + *text + "\n";
      }
    }
  };
  add_files("/sys/block", "loop/backing_file");
  add_files("/proc", "cmdline");
  const Fd own = sys::open_dir(place).value();
  const auto entries = sys::list_dir(own);
  for (const sys::DirEntry& entry : *entries) {
    traces += "file " + entry.name + "\n";
  }
  return traces;
}

// A data root on a filesystem of the test's choice, and a cache inside and outside of it.
using fs_path = sys::fs::path;

class ProbeTest : public testing::Test {
protected:
  void SetUp() override { NEEDS(test::enter_mount_namespace(), "mount namespaces"); }

  void TearDown() override {
    if (!root_.empty()) {
      EXPECT_EQ(traces_of((root_ / kOwn).native()), "");
    }
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount) {
      EXPECT_TRUE(ok(sys::unmount(*mount)));
    }
  }

  void use(const fs_path& root) {
    root_ = root;
    fd_ = sys::open_dir(root).value();
    const std::string own = kOwn;
    ASSERT_TRUE(ok(sys::make_dir_at({fd_, own}, 0700)));
    ASSERT_TRUE(ok(sys::make_dirs(root / "cache", 0755)));
    const Fd cache = sys::open_dir(root / "cache").value();
    const std::string file = "file";
    ASSERT_TRUE(ok(sys::create_file_at({cache, file}, std::string(8192, 'x'), 0644)));
    outside_.write("file", std::string(8192, 'x'));
  }

  fs_path mount_tmpfs() {
    const fs_path target = base_.make_dir("tmpfs");
    EXPECT_TRUE(ok(sys::mount("tmpfs", target, "tmpfs", 0, "")));
    mounts_.push_back(target);
    return target;
  }

  // Stacked on a tmpfs, to be the same wherever the tests run.
  fs_path mount_overlay() {
    const auto [options, merged] = make_union();
    EXPECT_TRUE(ok(sys::mount("overlay", merged, "overlay", 0, options)));
    mounts_.push_back(merged);
    return merged;
  }
  fs_path mount_fuse() {
    const auto [options, merged] = make_union();
    const auto done = sys::run({"fuse-overlayfs", "-o", options, merged.native()});
    EXPECT_TRUE(done && done->status.code == 0);
    mounts_.push_back(merged);
    return merged;
  }
  std::pair<std::string, fs_path> make_union() {
    const fs_path tmpfs = mount_tmpfs();
    for (const char* name : {"lower", "upper", "work", "merged"}) {
      EXPECT_TRUE(ok(sys::make_dirs(tmpfs / name, 0755)));
    }
    return {fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", tmpfs.native()),
            tmpfs / "merged"};
  }

  HostFacts everything() const {
    const auto facts =
        probe(fd_, {.scratch_parent = kOwn,
                    .samples = {(root_ / "cache").native(), outside_.path().native()},
                    .everything = true});
    EXPECT_TRUE(ok(facts));
    return facts ? *facts : HostFacts();
  }

  const TempDir base_;
  const TempDir outside_; // of the data root, on another filesystem
  std::optional<test::ImageMount> image_;
  fs_path root_;
  Fd fd_;
  std::vector<fs_path> mounts_;
};

testing::AssertionResult holds(const Fact& fact) {
  return (fact.holds ? testing::AssertionSuccess() : testing::AssertionFailure()) << fact.why;
}

testing::AssertionResult refuses(const Fact& fact, std::string_view words) {
  const bool is_right = !fact.holds && fact.why.find(words) != std::string::npos;
  return (is_right ? testing::AssertionSuccess() : testing::AssertionFailure()) << fact.why;
}

// On each of these every kind of overlay works; what differs is sharing.
struct Backing {
  const char* name;
  std::vector<std::string> mkfs;
  bool reflinks = false;
  bool is_btrfs = false;
};

class BackingTest : public ProbeTest, public testing::WithParamInterface<Backing> {};

TEST_P(BackingTest, HoldsLayersOfEveryDriver) {
  const Backing& backing = GetParam();
  const std::string type = backing.name;
  if (type == "tmpfs") {
    use(mount_tmpfs());
  } else {
    image_.emplace(type, backing.mkfs);
    NEEDS(image_->is_mounted(), "mkfs." + type);
    use(image_->path());
  }
  const HostFacts facts = everything();
  EXPECT_EQ(facts.data_root_filesystem, type);
  EXPECT_EQ(facts.filesystem_note.empty(), type != "tmpfs");
  EXPECT_GT(facts.free.bytes, 100U << 20U);
  EXPECT_GT(facts.free.inodes, 1000U);
  EXPECT_GE(facts.cpus, 1U);
  EXPECT_FALSE(facts.in_user_namespace);

  EXPECT_TRUE(holds(facts.overlay));
  EXPECT_TRUE(holds(facts.d_type));
  EXPECT_TRUE(holds(facts.hardlink));
  EXPECT_TRUE(holds(facts.fuse_overlayfs));
  EXPECT_TRUE(holds(facts.loop));
  EXPECT_EQ(facts.reflink.holds, backing.reflinks) << facts.reflink.why;
  EXPECT_EQ(facts.btrfs.holds, backing.is_btrfs) << facts.btrfs.why;

  ASSERT_EQ(facts.caches.size(), 2U);
  const CacheFacts& inside = facts.caches[0];
  EXPECT_TRUE(holds(inside.borrow));
  EXPECT_TRUE(holds(inside.fuse_borrow));
  EXPECT_TRUE(holds(inside.hardlink));
  EXPECT_EQ(inside.reflink.holds, backing.reflinks) << inside.reflink.why;
  const CacheFacts& outside = facts.caches[1];
  EXPECT_TRUE(holds(outside.borrow));
  EXPECT_TRUE(holds(outside.fuse_borrow));
  EXPECT_TRUE(refuses(outside.hardlink, "cross-device"));
  EXPECT_FALSE(outside.reflink.holds) << outside.reflink.why;
  EXPECT_FALSE(inside.on_own_root);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, BackingTest,
                         testing::Values(Backing{"ext4", {}}, Backing{"tmpfs", {}},
                                         Backing{"xfs", {"-m", "reflink=0"}},
                                         Backing{"xfs", {"-m", "reflink=1"}, true},
                                         Backing{"btrfs", {}, true, true}));

// A container without a volume: overlayfs takes no overlay as its upper.
TEST_F(ProbeTest, OnAnOverlayThereIsFuseOverlayfsOrALoopDevice) {
  use(mount_overlay());
  const HostFacts facts = everything();
  EXPECT_EQ(facts.data_root_filesystem, "overlay");
  EXPECT_FALSE(facts.filesystem_note.empty());
  EXPECT_TRUE(refuses(facts.overlay, "on overlay"));
  EXPECT_TRUE(holds(facts.d_type));
  EXPECT_TRUE(holds(facts.fuse_overlayfs));
  EXPECT_TRUE(holds(facts.loop));
  EXPECT_TRUE(refuses(facts.btrfs, "no btrfs"));
  EXPECT_TRUE(refuses(facts.caches[0].borrow, "on overlay"));
  EXPECT_TRUE(refuses(facts.caches[0].hardlink, "would copy"));
  EXPECT_TRUE(refuses(facts.caches[1].borrow, "on overlay"));
  EXPECT_TRUE(holds(facts.caches[1].fuse_borrow));
}

TEST_F(ProbeTest, OnFuseThereIsNoOverlay) {
  use(mount_fuse());
  const HostFacts facts = everything();
  EXPECT_EQ(facts.data_root_filesystem, "fuse");
  EXPECT_FALSE(facts.filesystem_note.empty());
  EXPECT_TRUE(refuses(facts.overlay, "on fuse"));
  EXPECT_TRUE(holds(facts.loop));
  // This one keeps the names of such marks to itself.
  EXPECT_TRUE(refuses(facts.fuse_overlayfs, "make a whiteout"));
}

TEST_F(ProbeTest, ADataRootThatCannotBeWrittenToRefusesAll) {
  use(mount_tmpfs());
  ASSERT_EQ(::mount(nullptr, root_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const HostFacts facts = everything();
  for (const Fact* fact : {&facts.writable, &facts.overlay, &facts.d_type, &facts.reflink,
                           &facts.hardlink, &facts.fuse_overlayfs, &facts.btrfs, &facts.loop}) {
    EXPECT_TRUE(refuses(*fact, "Read-only file system"));
  }
  EXPECT_FALSE(facts.is_full);
  ASSERT_EQ(facts.caches.size(), 2U);
  EXPECT_TRUE(refuses(facts.caches[1].borrow, "Read-only file system"));
}

TEST_F(ProbeTest, AFullDataRootIsToldFromOneThatRefuses) {
  use(mount_tmpfs());
  for (const char* limit : {"size=8k", "nr_inodes=5"}) {
    ASSERT_EQ(::mount(nullptr, root_.c_str(), nullptr, MS_REMOUNT, limit), 0);
    const HostFacts facts = everything();
    EXPECT_TRUE(refuses(facts.writable, "No space left on device"));
    EXPECT_TRUE(facts.is_full);
    ASSERT_EQ(::mount(nullptr, root_.c_str(), nullptr, MS_REMOUNT, "size=1m,nr_inodes=1k"), 0);
  }
  EXPECT_TRUE(holds(everything().writable));
}

// A file can still be made, and an overlay needs more.
TEST_F(ProbeTest, ADataRootWithNextToNoRoomIsFull) {
  use(mount_tmpfs());
  ASSERT_EQ(::mount(nullptr, root_.c_str(), nullptr, MS_REMOUNT, "nr_inodes=8"), 0);
  const HostFacts facts = everything();
  EXPECT_TRUE(holds(facts.writable));
  EXPECT_TRUE(refuses(facts.overlay, "No space left on device"));
  EXPECT_TRUE(facts.is_full);
}

TEST_F(ProbeTest, NoOverlayIsAtAPathWithSeparatorsOfItsOptions) {
  const fs_path tmpfs = mount_tmpfs();
  for (const char* name : {"a:b", "a,b"}) {
    use(base_.make_dir(std::string("tmpfs/") + name));
    const HostFacts facts = everything();
    for (const Fact* fact : {&facts.overlay, &facts.loop, &facts.fuse_overlayfs,
                             &facts.caches[0].borrow, &facts.caches[0].fuse_borrow}) {
      EXPECT_TRUE(refuses(*fact, "the data root's path has a")) << name;
    }
    EXPECT_TRUE(holds(facts.writable)) << name;
  }
  use(base_.make_dir("tmpfs/with blanks and 'quotes'"));
  EXPECT_TRUE(holds(everything().overlay));
}

TEST_F(ProbeTest, TellsThatNoProgramCanBeStarted) {
  use(mount_tmpfs());
  EXPECT_FALSE(everything().is_noexec);
  ASSERT_EQ(::mount(nullptr, root_.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_NOEXEC, nullptr), 0);
  const HostFacts facts = everything();
  EXPECT_TRUE(facts.is_noexec);
  EXPECT_TRUE(holds(facts.overlay)); // whose files are of another mount
}

TEST_F(ProbeTest, DirectoryEntriesOfSomeFilesystemsDoNotTellTheirType) {
  image_.emplace("ext4", std::vector<std::string>{"-O", "^filetype"});
  use(image_->path());
  const HostFacts facts = everything();
  EXPECT_TRUE(holds(facts.overlay));
  EXPECT_FALSE(facts.d_type.holds);
  EXPECT_TRUE(holds(facts.loop));
}

TEST_F(ProbeTest, ProbesWhatIsDearOnlyWhereOverlayFails) {
  use(mount_tmpfs());
  const auto facts = probe(fd_, {.scratch_parent = kOwn, .samples = {outside_.path().native()}});
  ASSERT_TRUE(ok(facts));
  for (const Fact* fact :
       {&facts->fuse_overlayfs, &facts->btrfs, &facts->loop, &facts->caches[0].fuse_borrow}) {
    EXPECT_TRUE(refuses(*fact, "not probed"));
  }
  EXPECT_TRUE(holds(facts->caches[0].borrow));
}

TEST_F(ProbeTest, ProbesWhatIsNamed) {
  use(mount_tmpfs());
  const auto facts = probe(fd_, {.scratch_parent = kOwn, .named_drivers = {"fuse-overlayfs", ""}});
  ASSERT_TRUE(ok(facts));
  EXPECT_TRUE(holds(facts->fuse_overlayfs));
  EXPECT_TRUE(refuses(facts->loop, "not probed"));
  EXPECT_TRUE(refuses(facts->btrfs, "not probed"));
}

TEST_F(ProbeTest, ProbesAlternativesUnaskedWhereOverlayFails) {
  use(mount_overlay());
  const auto facts = probe(fd_, {.scratch_parent = kOwn, .samples = {outside_.path().native()}});
  ASSERT_TRUE(ok(facts));
  EXPECT_TRUE(holds(facts->fuse_overlayfs));
  EXPECT_TRUE(holds(facts->caches[0].fuse_borrow));
  EXPECT_TRUE(holds(facts->loop));
}

TEST_F(ProbeTest, NamesACacheThatIsNotThere) {
  use(mount_tmpfs());
  const auto facts = probe(fd_, {.scratch_parent = kOwn, .samples = {"/nonexistent/sample"}});
  ASSERT_TRUE(ok(facts));
  EXPECT_TRUE(refuses(facts->caches[0].borrow, "/nonexistent/sample"));
  EXPECT_TRUE(holds(facts->overlay));
}

TEST_F(ProbeTest, ACacheOnTheRootFilesystemIsOnOurOwnRootEvenBoundOnItself) {
  const TempDir cache("/var/tmp");
  cache.write("sample/file", "x");
  use(mount_tmpfs());
  const ProbeRequest request = {.scratch_parent = kOwn, .samples = {(cache / "sample").native()}};
  const auto before = probe(fd_, request);
  ASSERT_TRUE(ok(before));
  ASSERT_TRUE(ok(sys::bind_read_only(cache.path())));
  const auto after = probe(fd_, request);
  ASSERT_TRUE(ok(sys::unmount(cache.path())));
  EXPECT_TRUE(before->caches[0].on_own_root);
  EXPECT_TRUE(after->caches[0].on_own_root);
}

// A program that fails when it has made files is undone like one that works.
TEST_F(ProbeTest, ARungThatFailsHalfwayIsUndone) {
  use(mount_overlay());
  const TempDir programs;
  for (const char* name : {"fuse-overlayfs", "mkfs.ext4"}) {
    ASSERT_EQ(::chmod(programs.write(name, "#!/bin/sh\necho went wrong\nexit 3\n").c_str(), 0755),
              0);
  }
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (programs.path().native() + ":" + path).c_str(), 1);
  const HostFacts facts = everything();
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_TRUE(refuses(facts.fuse_overlayfs, "fuse-overlayfs ended with 3: went wrong"));
  EXPECT_TRUE(refuses(facts.loop, "mkfs.ext4 ended with 3: went wrong"));
}

TEST_F(ProbeTest, NamesAProgramThatIsMissing) {
  use(mount_overlay());
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  const HostFacts facts = everything();
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_TRUE(refuses(facts.fuse_overlayfs, "start fuse-overlayfs: No such file"));
  EXPECT_TRUE(refuses(facts.loop, "start mkfs.ext4: No such file"));
}

// A container's /dev has few nodes. Those of loop devices can be made by hand.
TEST_F(ProbeTest, NamesADeviceThatIsMissing) {
  use(mount_overlay());
  ASSERT_TRUE(ok(sys::mount("tmpfs", "/dev", "tmpfs", 0, "")));
  ASSERT_EQ(::mknod("/dev/null", S_IFCHR | 0666, ::makedev(1, 3)), 0);
  const HostFacts facts = everything();
  ASSERT_TRUE(ok(sys::unmount("/dev")));
  EXPECT_TRUE(refuses(facts.fuse_overlayfs, "open /dev/fuse: No such file"));
  EXPECT_TRUE(holds(facts.loop));
}

TEST_F(ProbeTest, RemovesWhatAKilledPredecessorLeft) {
  use(mount_tmpfs());
  ASSERT_TRUE(ok(sys::make_dirs(root_ / kOwn / "probe-00000000/overlay/work/work", 0755)));
  ASSERT_TRUE(ok(probe(fd_, {.scratch_parent = kOwn})));
  EXPECT_EQ(traces_of((root_ / kOwn).native()), "");
}

// As PID 1, who inherits the processes that put themselves into the background.
TEST_F(ProbeTest, LeavesNoZombieToWhoAdoptsOrphans) {
  use(mount_tmpfs());
  EXPECT_TRUE(test::holds_in_child([this] {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    EXPECT_TRUE(holds(everything().fuse_overlayfs));
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }));
}

bool write(const char* path, const std::string& text) {
  const auto fd = sys::open_path(path, O_WRONLY);
  return fd && sys::write_all(*fd, text);
}

TEST_F(ProbeTest, InAUserNamespaceTheOverlayHasItsMarksInUserAttributes) {
  NEEDS(test::exit_code_of(test::fork_into([] { return ::unshare(CLONE_NEWUSER); })) == 0,
        "user namespaces");
  EXPECT_TRUE(test::holds_in_child([] {
    const std::string user = fmt::format("0 {} 1", ::geteuid());
    const std::string group = fmt::format("0 {} 1", ::getegid());
    ASSERT_EQ(::unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
    ASSERT_TRUE(write("/proc/self/uid_map", user));
    ASSERT_TRUE(write("/proc/self/setgroups", "deny"));
    ASSERT_TRUE(write("/proc/self/gid_map", group));
    const TempDir place("/tmp");
    ASSERT_TRUE(ok(sys::mount("tmpfs", place.path(), "tmpfs", 0, "")));
    const Fd root = sys::open_dir(place.path()).value();
    const auto facts = probe(root, {.scratch_parent = "."});
    ASSERT_TRUE(ok(facts));
    EXPECT_TRUE(facts->in_user_namespace);
    EXPECT_TRUE(holds(facts->overlay));
    EXPECT_TRUE(sys::list_dir(root)->empty());
    ASSERT_TRUE(ok(sys::unmount(place.path())));
  }));
}

} // namespace
} // namespace dind::host
