#include <host/preparation.hpp>

#include <host/cgroup.hpp>
#include <host/cgroup_namespace.hpp>
#include <host/runtime_dir.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace dind::host {
namespace {

using test::ok;

// Runs `body` where mounts are nobody else's.
testing::AssertionResult holds_in_mount_namespace(const std::function<void()>& body) {
  return test::holds_in_child([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr), 0);
    body();
  });
}

std::string type_of_mount(const fs::path& path) {
  const auto mounts = sys::read_mountinfo();
  std::string type;
  for (const sys::MountEntry& entry : mounts.value()) {
    if (entry.mount_point == path) {
      type += entry.type + " ";
    }
  }
  return type;
}

TEST(RuntimeDirTest, IsATmpfsOfOurOwn) {
  NEEDS(::geteuid() == 0, "root");
  const test::TempDir run;
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    const fs::path wanted = run / "dind-init";
    const auto dir = make_runtime_dir("/nowhere", wanted);
    ASSERT_TRUE(ok(dir));
    EXPECT_EQ(*dir, wanted);
    EXPECT_EQ(type_of_mount(wanted), "tmpfs ");
    EXPECT_EQ(test::stat_of(wanted).st_mode & 07777U, 0755U);
  }));
  EXPECT_FALSE(run.has("dind-init/status.json"));
}

TEST(RuntimeDirTest, IsMountedOnce) {
  NEEDS(::geteuid() == 0, "root");
  const test::TempDir run;
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    const fs::path wanted = run / "dind-init";
    ASSERT_TRUE(ok(make_runtime_dir("/nowhere", wanted)));
    run.write("dind-init/kept", "");
    ASSERT_TRUE(ok(make_runtime_dir("/nowhere", wanted)));
    EXPECT_TRUE(run.has("dind-init/kept"));
    EXPECT_EQ(type_of_mount(wanted), "tmpfs ");
  }));
}

TEST(RuntimeDirTest, FallsBackFromAReadOnlyRun) {
  NEEDS(::geteuid() == 0, "root");
  const test::TempDir run;
  const test::TempDir data;
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    ASSERT_TRUE(ok(sys::bind_read_only(run.path())));
    const auto dir = make_runtime_dir(data.path(), run / "dind-init");
    ASSERT_TRUE(ok(dir));
    EXPECT_EQ(*dir, data / ".dind-init/run");
  }));
}

TEST(PreparationTest, MountsTmpWhereNothingIsMounted) {
  NEEDS(::geteuid() == 0, "root");
  const test::TempDir dir;
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    const fs::path tmp = dir.make_dir("tmp");
    ASSERT_TRUE(ok(mount_tmp(tmp)));
    ASSERT_TRUE(ok(mount_tmp(tmp)));
    EXPECT_EQ(type_of_mount(tmp), "tmpfs ");
    EXPECT_EQ(test::stat_of(tmp).st_mode & 07777U, 01777U);
  }));
}

TEST(PreparationTest, DoesWithoutAFolderForSecurityfs) {
  EXPECT_TRUE(ok(mount_securityfs("/nowhere/at/all")));
}

// A cgroup of this test's own, in a hierarchy of version 2, with one process in it.
class CgroupTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0, "root");
    for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      if (::access((std::string(root) + "/cgroup.controllers").c_str(), R_OK) == 0) {
        cgroup_ = std::string(root) + "/dind-test-" + std::to_string(::getpid());
      }
    }
    NEEDS(!cgroup_.empty(), "cgroup v2");
    NEEDS(sys::make_dirs(cgroup_, 0755), "a cgroup of its own");
    member_ = test::fork_into([this] {
      end_.writer = Fd();
      return end_.receive() == -1 ? 0 : 1;
    });
    std::ignore = write(cgroup_ / "cgroup.procs", std::to_string(member_));
  }

  void TearDown() override {
    end_.writer = Fd();
    if (member_ > 0) {
      test::exit_code_of(member_);
    }
    ::rmdir((cgroup_ / "init").c_str());
    ::rmdir(cgroup_.c_str());
  }

  static Result<void> write(const fs::path& path, const std::string& text) {
    const Fd fd = TRY(sys::open_path(path, O_WRONLY));
    return sys::write_all(fd, text);
  }

  std::string read(const char* name) const {
    return sys::read_file(cgroup_ / name, 1U << 20U).value();
  }

  fs::path cgroup_;
  test::Pipe end_;
  pid_t member_ = 0;
};

TEST_F(CgroupTest, EmptiesTheCgroupIntoInit) {
  ASSERT_EQ(read("cgroup.procs"), std::to_string(member_) + "\n");
  const auto nesting = nest_cgroups(cgroup_);
  ASSERT_TRUE(ok(nesting));
  EXPECT_TRUE(nesting->unified);
  EXPECT_EQ(nesting->moved, 1U);
  EXPECT_EQ(read("cgroup.procs"), "");
  EXPECT_EQ(read("init/cgroup.procs"), std::to_string(member_) + "\n");
}

TEST_F(CgroupTest, BecomesTheTopOfANamespaceOfItsOwn) {
  const fs::path top = cgroup_.parent_path();
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    ASSERT_TRUE(ok(write(cgroup_ / "cgroup.procs", std::to_string(::getpid()))));
    const auto made = make_private_cgroup_namespace(top);
    ASSERT_TRUE(ok(made));
    EXPECT_TRUE(*made);
    const std::string inside = sys::read_file(top / "cgroup.procs", 1U << 20U).value();
    EXPECT_NE(inside.find(std::to_string(::getpid()) + "\n"), std::string::npos);
    const auto again = make_private_cgroup_namespace(top);
    ASSERT_TRUE(ok(again));
    EXPECT_FALSE(*again);
  }));
}

TEST_F(CgroupTest, EnablesEveryControllerThatItHas) {
  const auto nesting = nest_cgroups(cgroup_);
  ASSERT_TRUE(ok(nesting));
  EXPECT_TRUE(nesting->not_enabled.empty());
  EXPECT_EQ(read("cgroup.subtree_control"), read("cgroup.controllers"));
}

TEST_F(CgroupTest, CanBeDoneTwice) {
  ASSERT_TRUE(ok(nest_cgroups(cgroup_)));
  const auto again = nest_cgroups(cgroup_);
  ASSERT_TRUE(ok(again));
  EXPECT_EQ(again->moved, 0U);
}

} // namespace
} // namespace dind::host
