#include <clone/tree_cloner.hpp>

#include <support/child.hpp>
#include <support/disk_usage.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <support/tree_listing.hpp>
#include <sys/mount.hpp>
#include <sys/spawn.hpp>
#include <sys/xattr.hpp>

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <tuple>

namespace dind::clone {
namespace {

using test::fails_saying;
using test::fails_with;
using test::list_tree;
using test::ok;
using test::TempDir;

// vfs_cap_data of version 2: cap_net_raw+ep.
const std::string kCapability("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                              "\x00\x00\x00\x00",
                              20);

testing::AssertionResult runs(const std::vector<std::string>& argv) {
  const auto finished = sys::run(argv);
  if (!finished) {
    return testing::AssertionFailure() << finished.error().describe();
  }
  return finished->status.code == 0
             ? testing::AssertionSuccess()
             : testing::AssertionFailure() << argv[0] << " failed: " << finished->output;
}

Result<void> clone(const sys::fs::path& from, const sys::fs::path& to, CloneMethod method,
                   CloneProgress& progress) {
  const Fd source = TRY(sys::open_dir(from));
  const Fd target = TRY(sys::open_dir(to));
  CloneOptions options;
  options.method = method;
  options.jobs = 4;
  return clone_tree(source, target, options, progress);
}

void set_xattr(const sys::fs::path& path, const std::string& name, std::string_view value) {
  const Fd dir = sys::open_dir(path.parent_path()).value();
  const std::string file = path.filename().native();
  ASSERT_TRUE(ok(sys::set_xattr_at({dir, file}, name, value)));
}

// What only root can make, on top of which every owner, mode and time differs.
void fill(const TempDir& dir, const std::string& from) {
  const sys::fs::path root = dir / from;
  dir.write(from + "/setuid", "s");
  dir.write(from + "/capable", "c");
  dir.write(from + "/d/e/file", std::string(100'000, 'f'));
  dir.write(from + "/empty", "");
  dir.make_dir(from + "/opaque");
  ASSERT_EQ(::symlink("setuid", (root / "symlink").c_str()), 0);
  ASSERT_EQ(::mknod((root / "null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  ASSERT_EQ(::mknod((root / "whiteout").c_str(), S_IFCHR, ::makedev(0, 0)), 0);
  ASSERT_EQ(::mknod((root / "loop").c_str(), S_IFBLK | 0640, ::makedev(7, 1)), 0);
  ASSERT_EQ(::mknod((root / "socket").c_str(), S_IFSOCK | 0755, 0), 0);
  ASSERT_EQ(::link((root / "whiteout").c_str(), (root / "d/whiteout").c_str()), 0);
  ASSERT_EQ(::link((root / "capable").c_str(), (root / "d/e/capable").c_str()), 0);
  uid_t owner = 1000;
  for (const char* name : {"setuid", "capable", "d/e/file", "d/e", "d", "symlink", "null"}) {
    ASSERT_EQ(::lchown((root / name).c_str(), owner, owner + 7), 0);
    ++owner;
  }
  ASSERT_EQ(::chmod((root / "setuid").c_str(), 06755), 0);
  ASSERT_EQ(::chmod((root / "d").c_str(), 03770), 0); // hands its group on
  set_xattr(root / "capable", std::string(sys::kCapabilityXattr), kCapability);
  set_xattr(root / "d/e/file", "user.note", "file");
  set_xattr(root / "d/e", "trusted.note", "directory");
  set_xattr(root / "symlink", "trusted.note", "symlink");
  long second = 0;
  for (const char* name : {"setuid", "symlink", "null", "whiteout", "d/e/file", "d/e", "d", "."}) {
    const timespec times[2] = {{1'000'000'000, 1}, {second++ - 3, 999'999'999}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (root / name).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
}

// Each test in a mount namespace of its own: what it mounts goes with it, loop devices too.
class RootTreeClonerTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0, "root");
    NEEDS(test::exit_code_of(test::fork_into([] { return ::unshare(CLONE_NEWNS); })) == 0,
          "mount namespaces");
  }

  static testing::AssertionResult holds(const std::function<void()>& body) {
    return test::holds_in_child([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr), 0);
      body();
    });
  }

  // A new filesystem of `megabytes` at `name`; the loop device goes when it is unmounted.
  void mount_new(const std::vector<std::string>& mkfs, const std::string& name, off_t megabytes) {
    const std::string image = dir_.write(name + ".img", "").native();
    ASSERT_EQ(::truncate(image.c_str(), megabytes << 20), 0);
    std::vector<std::string> make = mkfs;
    make.push_back(image);
    ASSERT_TRUE(runs(make));
    ASSERT_TRUE(runs({"mount", "-o", "loop", image, dir_.make_dir(name).native()}));
  }

  void expect_equal_on(const std::vector<std::string>& mkfs, CloneMethod method) {
    EXPECT_TRUE(holds([&] {
      ASSERT_NO_FATAL_FAILURE(mount_new(mkfs, "disk", 512));
      ASSERT_NO_FATAL_FAILURE(fill(dir_, "disk/from"));
      dir_.make_dir("disk/to");
      ASSERT_TRUE(ok(clone(dir_ / "disk/from", dir_ / "disk/to", method, progress_)));
      EXPECT_EQ(list_tree(dir_ / "disk/to"), list_tree(dir_ / "disk/from"));
      EXPECT_EQ(progress_.written, method == CloneMethod::copy ? 100'002U : 0U);
    }));
  }

  const TempDir dir_;
  CloneProgress progress_;
};

const std::vector<std::string> kExt4 = {"mkfs.ext4", "-q", "-F"};
const std::vector<std::string> kXfs = {"mkfs.xfs", "-q", "-m", "reflink=1"};
const std::vector<std::string> kBtrfs = {"mkfs.btrfs", "-q"};

TEST_F(RootTreeClonerTest, CopiesOwnersCapabilitiesAndDevicesOnExt4) {
  expect_equal_on(kExt4, CloneMethod::copy);
}

TEST_F(RootTreeClonerTest, HardLinksOwnersCapabilitiesAndDevicesOnExt4) {
  expect_equal_on(kExt4, CloneMethod::hardlink);
}

TEST_F(RootTreeClonerTest, ReflinksOwnersCapabilitiesAndDevicesOnXfs) {
  expect_equal_on(kXfs, CloneMethod::reflink);
}

TEST_F(RootTreeClonerTest, ReflinksOwnersCapabilitiesAndDevicesOnBtrfs) {
  NEEDS(::access("/sbin/mkfs.btrfs", X_OK) == 0, "btrfs-progs");
  expect_equal_on(kBtrfs, CloneMethod::reflink);
}

TEST_F(RootTreeClonerTest, ReflinksTakeNoSpace) {
  EXPECT_TRUE(holds([&] {
    ASSERT_NO_FATAL_FAILURE(mount_new(kXfs, "disk", 512));
    dir_.write("disk/from/large", std::string(64 << 20, 'x'));
    dir_.make_dir("disk/to");
    const Fd disk = sys::open_dir(dir_ / "disk").value();
    ASSERT_EQ(::syncfs(disk.get()), 0);
    const std::uint64_t before = sys::free_space(disk)->bytes;
    ASSERT_TRUE(ok(clone(dir_ / "disk/from", dir_ / "disk/to", CloneMethod::reflink, progress_)));
    ASSERT_EQ(::syncfs(disk.get()), 0);
    EXPECT_LT(before - sys::free_space(disk)->bytes, 1U << 20U);
  }));
}

TEST_F(RootTreeClonerTest, CopiesBetweenFilesystemsWithHoles) {
  EXPECT_TRUE(holds([&] {
    ASSERT_NO_FATAL_FAILURE(mount_new(kExt4, "disk", 128));
    ASSERT_NO_FATAL_FAILURE(fill(dir_, "from"));
    dir_.write("from/sparse", "start");
    ASSERT_EQ(::truncate((dir_ / "from/sparse").c_str(), 256 << 20), 0); // more than the disk has
    dir_.make_dir("disk/to");
    ASSERT_TRUE(ok(clone(dir_ / "from", dir_ / "disk/to", CloneMethod::copy, progress_)));
    EXPECT_EQ(list_tree(dir_ / "disk/to"), list_tree(dir_ / "from"));
    EXPECT_LT(test::disk_usage(dir_ / "disk/to").bytes, 1U << 20U);
  }));
}

TEST_F(RootTreeClonerTest, LinksAndReflinksBetweenFilesystemsAreErrorsThatNameTheFile) {
  EXPECT_TRUE(holds([&] {
    ASSERT_NO_FATAL_FAILURE(mount_new(kExt4, "disk", 64));
    dir_.write("from/d/file", "x");
    for (const CloneMethod method : {CloneMethod::reflink, CloneMethod::hardlink}) {
      const auto cloned = clone(dir_ / "from", dir_ / "disk", method, progress_);
      EXPECT_TRUE(fails_with(EXDEV, cloned));
      EXPECT_TRUE(fails_saying("d/file: ", cloned));
    }
  }));
}

TEST_F(RootTreeClonerTest, AReflinkThatTheFilesystemRefusesIsAnErrorAndNoCopy) {
  EXPECT_TRUE(holds([&] {
    ASSERT_NO_FATAL_FAILURE(mount_new(kExt4, "disk", 64));
    dir_.write("disk/from/file", "x");
    dir_.make_dir("disk/to");
    const auto cloned =
        clone(dir_ / "disk/from", dir_ / "disk/to", CloneMethod::reflink, progress_);
    EXPECT_TRUE(fails_with(EOPNOTSUPP, cloned));
    EXPECT_EQ(progress_.written, 0U);
  }));
}

TEST_F(RootTreeClonerTest, CopiesAFileThatHasAllItsHardLinksAndLinksTheOthers) {
  constexpr int kMost = 65'000; // of ext4
  EXPECT_TRUE(holds([&] {
    ASSERT_NO_FATAL_FAILURE(mount_new(kExt4, "disk", 128));
    dir_.write("disk/from/full", "full");
    dir_.write("disk/from/other", "other");
    ASSERT_EQ(::link((dir_ / "disk/from/full").c_str(), (dir_ / "disk/from/full2").c_str()), 0);
    dir_.make_dir("disk/links");
    const Fd from = sys::open_dir(dir_ / "disk/from").value();
    const Fd links = sys::open_dir(dir_ / "disk/links").value();
    for (int count = 2; count < kMost; ++count) {
      ASSERT_EQ(::linkat(from.get(), "full", links.get(), std::to_string(count).c_str(), 0), 0);
    }
    dir_.make_dir("disk/to");
    ASSERT_TRUE(ok(clone(dir_ / "disk/from", dir_ / "disk/to", CloneMethod::hardlink, progress_)));
    EXPECT_EQ(list_tree(dir_ / "disk/to"), list_tree(dir_ / "disk/from"));
    EXPECT_EQ(progress_.written, 4U);
    EXPECT_EQ(progress_.inodes, 1U);
    EXPECT_EQ(progress_.files, 3U);
    EXPECT_EQ(test::stat_of(dir_ / "disk/to/other").st_nlink, 2U);
  }));
}

TEST_F(RootTreeClonerTest, AFullDiskIsAnErrorThatNamesTheFile) {
  EXPECT_TRUE(holds([&] {
    dir_.write("from/d/large", std::string(4 << 20, 'x'));
    dir_.write("from/small", "x");
    ASSERT_TRUE(ok(sys::mount("tmpfs", dir_.make_dir("to"), "tmpfs", 0, "size=1m")));
    const auto cloned = clone(dir_ / "from", dir_ / "to", CloneMethod::copy, progress_);
    EXPECT_TRUE(fails_with(ENOSPC, cloned));
    EXPECT_TRUE(fails_saying("d/large: ", cloned));
  }));
}

TEST_F(RootTreeClonerTest, DoesNotEnterAnotherFilesystem) {
  EXPECT_TRUE(holds([&] {
    dir_.make_dir("to");
    ASSERT_TRUE(ok(sys::mount("tmpfs", dir_.make_dir("from/d/mounted"), "tmpfs", 0, "size=1m")));
    dir_.write("from/d/mounted/secret", "x");
    const auto cloned = clone(dir_ / "from", dir_ / "to", CloneMethod::copy, progress_);
    EXPECT_TRUE(fails_with(EXDEV, cloned));
    EXPECT_TRUE(fails_saying("d/mounted: ", cloned));
    EXPECT_FALSE(dir_.has("to/d/mounted/secret"));
  }));
}

TEST_F(RootTreeClonerTest, LeavesOverlayfsOwnMarksBehind) {
  dir_.make_dir("from/opaque");
  dir_.make_dir("to");
  set_xattr(dir_ / "from/opaque", "trusted.overlay.opaque", "y");
  set_xattr(dir_ / "from/opaque", "trusted.note", "y");
  ASSERT_TRUE(ok(clone(dir_ / "from", dir_ / "to", CloneMethod::copy, progress_)));
  const std::string name = "opaque";
  const Fd to = sys::open_dir(dir_ / "to").value();
  EXPECT_EQ(sys::list_xattrs_at({to, name}).value(), std::vector<std::string>{"trusted.note"});
}

// As a container's root is: files of both layers, seen through an overlay.
TEST_F(RootTreeClonerTest, CopiesWhatAnOverlayShows) {
  EXPECT_TRUE(holds([&] {
    TempDir memory("/dev/shm"); // an upper cannot be on an overlay, should this run in one
    ASSERT_NO_FATAL_FAILURE(fill(dir_, "lower"));
    for (const char* name : {"upper/d", "work"}) {
      memory.make_dir(name);
    }
    memory.write("upper/d/above", std::string(50'000, 'u'));
    dir_.make_dir("merged");
    dir_.make_dir("to");
    const std::string layers = fmt::format("lowerdir={0}/lower,upperdir={1}/upper,workdir={1}/work",
                                           dir_.path().native(), memory.path().native());
    ASSERT_TRUE(ok(sys::mount("overlay", dir_ / "merged", "overlay", 0, layers)));
    ASSERT_TRUE(ok(clone(dir_ / "merged", dir_ / "to", CloneMethod::copy, progress_)));
    EXPECT_EQ(list_tree(dir_ / "to"), list_tree(dir_ / "merged"));
    ASSERT_TRUE(ok(sys::unmount(dir_ / "merged")));
  }));
}

TEST_F(RootTreeClonerTest, EndsInTheMiddleOfALargeFileWhenInterrupted) {
  dir_.make_dir("to");
  dir_.write("from/large", "x");
  ASSERT_EQ(::truncate((dir_ / "from/large").c_str(), 0), 0);
  const Fd large = sys::open_path(dir_ / "from/large", O_WRONLY).value();
  ASSERT_EQ(::posix_fallocate(large.get(), 0, 1L << 30), 0);
  const Fd from = sys::open_dir(dir_ / "from").value();
  const Fd to = sys::open_dir(dir_ / "to").value();
  CloneOptions options;
  options.interrupted = [&] { return progress_.written > 0; };
  EXPECT_TRUE(fails_with(ECANCELED, clone_tree(from, to, options, progress_)));
  EXPECT_LT(progress_.written, 1U << 30U);
}

// A source that changes meanwhile: the directory was read, the file is gone.
TEST_F(RootTreeClonerTest, AFileThatVanishesIsAnErrorThatNamesIt) {
  constexpr int kFiles = 20'000;
  dir_.make_dir("from/d");
  dir_.make_dir("to");
  const Fd files = sys::open_dir(dir_ / "from/d").value();
  for (int number = 0; number < kFiles; ++number) {
    ASSERT_EQ(::mknodat(files.get(), std::to_string(number).c_str(), S_IFREG | 0600, 0), 0);
  }
  const Fd from = sys::open_dir(dir_ / "from").value();
  const Fd to = sys::open_dir(dir_ / "to").value();
  CloneOptions options;
  options.interrupted = [&] { // is asked when the directory's first names have been read
    for (int number = 0; number < kFiles; ++number) {
      ::unlinkat(files.get(), std::to_string(number).c_str(), 0);
    }
    return false;
  };
  const auto cloned = clone_tree(from, to, options, progress_);
  EXPECT_TRUE(fails_with(ENOENT, cloned));
  EXPECT_TRUE(fails_saying("d/", cloned));
}

} // namespace
} // namespace dind::clone
