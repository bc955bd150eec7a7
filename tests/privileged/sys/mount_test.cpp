#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <functional>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;
using test::TempDir;

// Every case runs in a mount namespace of its own, which goes with the child:
// whatever a failure leaves mounted is gone, and the host never sees it.
class MountTest : public testing::Test {
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

  const TempDir dir_;
};

TEST_F(MountTest, MountsAndUnmountsAnOverlay) {
  dir_.write("lower/both", "lower");
  dir_.write("lower/gone", "");
  for (const char* name : {"upper", "work", "merged"}) {
    dir_.make_dir(name);
  }
  EXPECT_TRUE(holds([&] {
    const std::string base = dir_.path().native();
    const std::string options =
        "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work";
    ASSERT_TRUE(ok(mount("overlay", dir_ / "merged", "overlay", 0, options)));
    EXPECT_TRUE(*is_mount_point(dir_ / "merged"));
    const Fd merged = open_dir(dir_ / "merged").value();
    EXPECT_EQ(*filesystem_of(merged), "overlay");
    const std::string gone = "gone";
    ASSERT_TRUE(ok(unlink_at({merged, gone})));
    dir_.write("merged/both", "upper");
    ASSERT_TRUE(ok(unmount(dir_ / "merged")));
    EXPECT_FALSE(*is_mount_point(dir_ / "merged"));
  }));
  EXPECT_EQ(dir_.read("lower/both"), "lower");
  EXPECT_EQ(dir_.read("upper/both"), "upper");
  EXPECT_TRUE(S_ISCHR(test::stat_of(dir_ / "upper/gone").st_mode)); // the kernel's whiteout
}

TEST_F(MountTest, ReportsTheKernelsRefusal) {
  dir_.make_dir("merged");
  EXPECT_TRUE(holds([&] {
    EXPECT_TRUE(fails_with(ENODEV, mount("x", dir_ / "merged", "no-such-fs", 0, "")));
    EXPECT_TRUE(fails_with(ENOENT, mount("x", dir_ / "missing", "tmpfs", 0, "")));
    EXPECT_TRUE(fails_with(EINVAL, unmount(dir_ / "merged")));
  }));
}

TEST_F(MountTest, ABindReadOnlyRefusesWritesAndStillShowsWhatIsBelow) {
  dir_.write("cache/file", "content");
  dir_.make_dir("cache/below");
  EXPECT_TRUE(holds([&] {
    ASSERT_TRUE(ok(mount("tmpfs", dir_ / "cache/below", "tmpfs", 0, "size=64k")));
    dir_.write("cache/below/inner", "inner");
    ASSERT_TRUE(ok(bind_read_only(dir_ / "cache")));
    EXPECT_EQ(dir_.read("cache/file"), "content");
    EXPECT_EQ(dir_.read("cache/below/inner"), "inner");
    const Fd cache = open_dir(dir_ / "cache").value();
    const std::string name = "new";
    EXPECT_TRUE(fails_with(EROFS, create_file_at({cache, name}, "", 0600)));
    const std::string file = "file";
    EXPECT_TRUE(fails_with(EROFS, open_at({cache, file}, O_WRONLY)));
    EXPECT_TRUE(fails_with(EROFS, unlink_at({cache, file})));
  }));
}

TEST_F(MountTest, ABindReadOnlyKeepsTheFlagsOfTheMountItRestsOn) {
  dir_.make_dir("cache");
  EXPECT_TRUE(holds([&] {
    ASSERT_TRUE(ok(mount("tmpfs", dir_ / "cache", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")));
    ASSERT_TRUE(ok(bind_read_only(dir_ / "cache")));
    const auto entries = read_mountinfo();
    ASSERT_TRUE(ok(entries));
    EXPECT_EQ(entries->back().mount_point, dir_ / "cache");
    for (const char* flag : {"ro", "nosuid", "nodev", "noexec"}) {
      EXPECT_NE(("," + entries->back().options + ",").find("," + std::string(flag) + ","),
                std::string::npos)
          << entries->back().options;
    }
  }));
}

TEST_F(MountTest, ABindMountCoversItsTarget) {
  const auto source = dir_.write("ours.json", "ours");
  const auto target = dir_.write("theirs.json", "theirs");
  EXPECT_TRUE(holds([&] {
    ASSERT_TRUE(ok(bind_mount(source, target)));
    EXPECT_EQ(dir_.read("theirs.json"), "ours");
  }));
  EXPECT_EQ(dir_.read("theirs.json"), "theirs");
}

TEST_F(MountTest, UnmountDoesNotFollowASymlink) {
  dir_.make_dir("mounted");
  const std::string link = "link";
  ASSERT_TRUE(ok(symlink_at("mounted", {dir_.fd(), link})));
  EXPECT_TRUE(holds([&] {
    ASSERT_TRUE(ok(mount("tmpfs", dir_ / "mounted", "tmpfs", 0, "")));
    EXPECT_FALSE(unmount(dir_ / "link"));
    EXPECT_TRUE(*is_mount_point(dir_ / "mounted"));
  }));
}

TEST_F(MountTest, MakesTheWholeTreeShared) {
  EXPECT_TRUE(holds([&] {
    ASSERT_TRUE(ok(mount("tmpfs", dir_.path(), "tmpfs", 0, "")));
    ASSERT_TRUE(ok(make_shared_recursively("/")));
    const auto text = read_file("/proc/self/mountinfo", 1U << 20U);
    ASSERT_TRUE(ok(text));
    // Behind the options of each line comes "shared:N" as an optional field.
    const auto line = text->find(" " + dir_.path().native() + " ");
    ASSERT_NE(line, std::string::npos);
    EXPECT_NE(text->substr(line, text->find('\n', line) - line).find(" shared:"),
              std::string::npos);
  }));
}

TEST_F(MountTest, RemovingATreeStopsAtAMount) {
  dir_.write("tree/file", "");
  dir_.make_dir("tree/mounted");
  EXPECT_TRUE(holds([&] {
    ASSERT_TRUE(ok(mount("tmpfs", dir_ / "tree/mounted", "tmpfs", 0, "")));
    const std::string tree = "tree";
    EXPECT_TRUE(fails_with(EBUSY, remove_tree_at({dir_.fd(), tree})));
    EXPECT_TRUE(*is_mount_point(dir_ / "tree/mounted"));
  }));
}

} // namespace
} // namespace dind::sys
