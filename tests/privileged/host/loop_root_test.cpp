#include <host/loop_root.hpp>

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
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace dind::host {
namespace {

using sys::fs::path;
using test::fails_saying;
using test::fails_with;
using test::ok;
using test::TempDir;

constexpr std::uint64_t kMiB = 1ULL << 20U;

// A data root on an overlay, as in a container that has no volume.
class LoopRootTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(test::enter_mount_namespace(), "mount namespaces");
    base_ = place_.make_dir("base");
    ASSERT_TRUE(ok(sys::mount("tmpfs", base_, "tmpfs", 0, "")));
    for (const char* name : {"lower", "upper", "work", "merged"}) {
      ASSERT_TRUE(ok(sys::make_dirs(base_ / name, 0755)));
    }
    ASSERT_TRUE(ok(sys::mount(
        "overlay", base_ / "merged", "overlay", 0,
        fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", base_.native()))));
    name_ = place_.path().filename(); // nobody else's, in whatever runs beside this
    root_ = base_ / "merged" / name_;
    own_ = base_ / "upper" / name_ / ".dind-init"; // stays in sight
  }

  void TearDown() override {
    while (sys::unmount(root_)) {
    }
    std::ignore = sys::unmount(base_ / "merged");
    std::ignore = sys::unmount(base_);
    EXPECT_EQ(attached(), "");
  }

  // The loop devices over our files.
  std::string attached() const {
    std::string found;
    const Fd blocks = sys::open_dir("/sys/block").value();
    const auto entries = sys::list_dir(blocks);
    for (const sys::DirEntry& entry : *entries) {
      const auto backing = sys::read_file("/sys/block/" + entry.name + "/loop/backing_file", 8192);
      if (backing &&
          backing->find((name_ / ".dind-init/data.ext4").native()) != std::string::npos) {
        found += entry.name + " ";
      }
    }
    return found;
  }

  static bool exists(const path& file) { return ::access(file.c_str(), F_OK) == 0; }
  static void write(const path& file, std::string_view text) {
    const auto fd = sys::open_path(file, O_WRONLY | O_CREAT, 0644);
    ASSERT_TRUE(ok(fd));
    ASSERT_TRUE(ok(sys::write_all(*fd, text)));
  }

  Result<LoopRoot> mount(std::uint64_t bytes = 256 * kMiB) const {
    return mount_loop_root(root_.native(), bytes);
  }

  const TempDir place_;
  path base_;
  path name_;
  path root_;
  path own_;
};

TEST_F(LoopRootTest, HoldsTheUpperOfAnOverlayWhereItsOwnFilesystemCannot) {
  const auto loop = mount();
  ASSERT_TRUE(ok(loop));
  EXPECT_TRUE(loop->is_new);
  EXPECT_EQ(loop->bytes, 256 * kMiB);
  const Fd root = sys::open_dir(root_).value();
  EXPECT_EQ(*sys::filesystem_of(root), "ext4");
  for (const char* name : {"lower", "upper", "work", "merged"}) {
    ASSERT_TRUE(ok(sys::make_dirs(root_ / name, 0755)));
  }
  EXPECT_TRUE(ok(sys::mount(
      "overlay", root_ / "merged", "overlay", 0,
      fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", root_.native()))));
  EXPECT_TRUE(ok(sys::unmount(root_ / "merged")));
}

TEST_F(LoopRootTest, KeepsTheModeOfTheDataRoot) {
  ASSERT_TRUE(ok(mount()));
  EXPECT_EQ(test::stat_of(root_).st_mode & 07777U, 0710U);
}

TEST_F(LoopRootTest, TakesNextToNoSpaceUntilItIsUsed) {
  const auto loop = mount(20ULL << 30U);
  ASSERT_TRUE(ok(loop));
  EXPECT_LT(static_cast<std::uint64_t>(test::stat_of(own_ / "data.ext4").st_blocks) * 512,
            16 * kMiB);
  const auto space = backing_space(loop->backing);
  ASSERT_TRUE(ok(space));
  EXPECT_GT(space->unclaimed, (20ULL << 30U) - 16 * kMiB);
  EXPECT_GT(space->free, 0U);
}

TEST_F(LoopRootTest, GivesFreedBlocksBack) {
  ASSERT_TRUE(ok(mount()));
  const auto used = [this] { return test::stat_of(own_ / "data.ext4").st_blocks * 512; };
  const auto sync = [this] {
    const Fd root = sys::open_dir(root_).value();
    ASSERT_EQ(::syncfs(root.get()), 0);
  };
  const auto before = used();
  write(root_ / "large", std::string(64 * kMiB, 'x'));
  sync();
  EXPECT_GT(used(), before + static_cast<long>(32 * kMiB));
  ASSERT_EQ(::unlink((root_ / "large").c_str()), 0);
  sync();
  // ext4 discards after the journal's commit, on a thread that nothing waits for.
  for (int i = 0; i < 1000 && used() > before + static_cast<long>(32 * kMiB); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_LT(used(), before + static_cast<long>(32 * kMiB));
}

TEST_F(LoopRootTest, IsFoundAgainByTheNextBoot) {
  {
    ASSERT_TRUE(ok(mount()));
    write(root_ / "kept", "x");
  }
  ASSERT_TRUE(ok(sys::unmount(root_)));
  const auto again = mount(512 * kMiB);
  ASSERT_TRUE(ok(again));
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->bytes, 256 * kMiB);
  EXPECT_TRUE(exists(root_ / "kept"));
}

TEST_F(LoopRootTest, GoesWithTheNamespaceThatMountedIt) {
  EXPECT_TRUE(test::holds_in_child([this] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_TRUE(ok(mount()));
    EXPECT_NE(attached(), "");
    write(root_ / "kept", "x");
  }));
  EXPECT_EQ(attached(), "");
  ASSERT_TRUE(ok(mount()));
  EXPECT_TRUE(exists(root_ / "kept"));
}

TEST_F(LoopRootTest, IsUnmountedWhenAllIsWrittenBack) {
  ASSERT_TRUE(ok(mount()));
  write(root_ / "file", "kept");
  ASSERT_TRUE(ok(unmount_loop_root(root_.native())));
  EXPECT_EQ(attached(), "");
  EXPECT_FALSE(exists(root_ / "file"));
  ASSERT_TRUE(ok(mount()));
  EXPECT_TRUE(exists(root_ / "file"));
}

TEST_F(LoopRootTest, IsDetachedWhereItIsInUse) {
  ASSERT_TRUE(ok(mount()));
  const auto user = sys::open_path(root_ / "file", O_WRONLY | O_CREAT, 0644);
  ASSERT_TRUE(ok(user));
  ASSERT_TRUE(ok(unmount_loop_root(root_.native())));
  EXPECT_FALSE(exists(root_ / "file"));
  EXPECT_NE(attached(), ""); // until it is closed
}

TEST_F(LoopRootTest, DoesNotTakeADraftForTheFile) {
  ASSERT_TRUE(ok(sys::make_dirs(root_ / ".dind-init", 0700)));
  write(root_ / ".dind-init/data.ext4.new", "half");
  const auto loop = mount();
  ASSERT_TRUE(ok(loop));
  EXPECT_TRUE(loop->is_new);
  EXPECT_FALSE(exists(own_ / "data.ext4.new"));
}

TEST_F(LoopRootTest, HidesNoFile) {
  ASSERT_TRUE(ok(sys::make_dirs(root_ / "image/overlay2/layerdb", 0700)));
  write(root_ / "image/overlay2/repositories.json", "{}");
  const auto loop = mount();
  EXPECT_TRUE(fails_with(ENOTEMPTY, loop));
  EXPECT_TRUE(fails_saying("would hide image/overlay2/repositories.json", loop));
  EXPECT_FALSE(exists(own_));
}

TEST_F(LoopRootTest, HidesEmptyFoldersAndItsOwn) {
  ASSERT_TRUE(ok(sys::make_dirs(root_ / "overlay2/l", 0700)));
  ASSERT_TRUE(ok(sys::make_dirs(root_ / ".dind-init", 0700)));
  write(root_ / ".dind-init/lock", "");
  EXPECT_TRUE(ok(mount()));
}

// The file by another way, as another container would have it.
TEST_F(LoopRootTest, IsMountedOnlyOnceForAsLongAsItIsMounted) {
  const path other = base_ / "other";
  ASSERT_TRUE(ok(sys::make_dirs(root_, 0710)));
  ASSERT_TRUE(ok(sys::make_dirs(other, 0710)));
  ASSERT_TRUE(ok(sys::bind_mount(root_, other)));
  ASSERT_TRUE(ok(mount()));
  constexpr std::chrono::milliseconds kNotLong(50);
  EXPECT_TRUE(fails_with(EBUSY, mount_loop_root(other.native(), 256 * kMiB, kNotLong)));
  ASSERT_TRUE(ok(sys::unmount(root_)));
  EXPECT_TRUE(ok(mount_loop_root(other.native(), 256 * kMiB, kNotLong)));
  EXPECT_TRUE(ok(sys::unmount(other)));
  EXPECT_TRUE(ok(sys::unmount(other)));
}

TEST_F(LoopRootTest, WaitsForWhoIsAboutToLetGo) {
  const path other = base_ / "other";
  ASSERT_TRUE(ok(sys::make_dirs(root_, 0710)));
  ASSERT_TRUE(ok(sys::make_dirs(other, 0710)));
  ASSERT_TRUE(ok(sys::bind_mount(root_, other)));
  ASSERT_TRUE(ok(mount()));
  std::thread leaver([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(ok(sys::unmount(root_)));
  });
  EXPECT_TRUE(ok(mount_loop_root(other.native(), 256 * kMiB)));
  leaver.join();
  EXPECT_TRUE(ok(sys::unmount(other)));
  EXPECT_TRUE(ok(sys::unmount(other)));
}

// A job can set what the kernel does on errors in its own disk.
TEST_F(LoopRootTest, NeverPanicsForWhatTheDiskSays) {
  ASSERT_TRUE(ok(mount()));
  ASSERT_TRUE(ok(sys::unmount(root_)));
  const auto tuned = sys::run({"tune2fs", "-e", "panic", (own_ / "data.ext4").native()});
  ASSERT_TRUE(ok(tuned));
  ASSERT_EQ(tuned->status.code, 0) << tuned->output;
  ASSERT_TRUE(ok(mount()));
  const std::string mounts = sys::read_file("/proc/self/mounts", 1U << 20U).value();
  const std::string ours = mounts.substr(mounts.find(root_.native()));
  EXPECT_NE(ours.substr(0, ours.find('\n')).find("errors=remount-ro"), std::string::npos) << mounts;
}

TEST_F(LoopRootTest, LeavesADamagedFileToItsOwner) {
  ASSERT_TRUE(ok(mount()));
  ASSERT_TRUE(ok(sys::unmount(root_)));
  const std::string garbage(4 * kMiB, 'x');
  write(root_ / ".dind-init/data.ext4", garbage);
  EXPECT_TRUE(fails_with(EUCLEAN, mount()));
  EXPECT_EQ(sys::read_file(own_ / "data.ext4", 512 * kMiB)->substr(0, garbage.size()), garbage);
}

TEST_F(LoopRootTest, IsRepairedAfterAPowerCut) {
  ASSERT_TRUE(ok(mount()));
  write(root_ / "kept", "x");
  {
    const Fd root = sys::open_dir(root_).value();
    ASSERT_EQ(::syncfs(root.get()), 0);
  }
  const path copy = base_ / "copy";
  // What a disk would hold if the machine died now: the journal has yet to be replayed.
  ASSERT_EQ(sys::run({"cp", "--sparse=always", (own_ / "data.ext4").native(), copy.native()})
                ->status.code,
            0);
  ASSERT_TRUE(ok(sys::unmount(root_)));
  ASSERT_EQ(::rename(copy.c_str(), (own_ / "data.ext4").c_str()), 0);
  ASSERT_TRUE(ok(mount()));
  EXPECT_TRUE(exists(root_ / "kept"));
}

TEST_F(LoopRootTest, LeavesNothingWhereItCannotBeMade) {
  const TempDir programs;
  ASSERT_EQ(::chmod(programs.write("mkfs.ext4", "#!/bin/sh\nexit 3\n").c_str(), 0755), 0);
  const std::string search = std::getenv("PATH");
  ::setenv("PATH", (programs.path().native() + ":" + search).c_str(), 1);
  const auto loop = mount();
  ::setenv("PATH", search.c_str(), 1);
  EXPECT_TRUE(fails_saying("mkfs.ext4 ended with 3", loop));
  const Fd own = sys::open_dir(own_).value();
  EXPECT_TRUE(sys::list_dir(own)->empty());
}

} // namespace
} // namespace dind::host
