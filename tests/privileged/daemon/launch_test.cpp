#include <daemon/launch.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dind::daemon {
namespace {

using test::ok;
using Words = std::vector<std::string>;

constexpr const char* kEffective = "{\n  \"debug\": true,\n  \"storage-driver\": \"overlay2\"\n}\n";

class EffectiveFileTest : public testing::Test {
protected:
  // Runs `body` where mounts are nobody else's.
  static testing::AssertionResult holds_in_mount_namespace(const std::function<void()>& body) {
    return test::holds_in_child([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr), 0);
      body();
    });
  }

  Result<Launch> launch() const {
    CommandLine flags;
    DaemonFile file;
    file.path = etc_ / "docker/daemon.json";
    if (etc_.has("docker/daemon.json")) {
      flags.config_file = file.path.native();
      file = TRY(read_daemon_file(flags));
    }
    return configure({{}, false, {}}, {}, file, {"overlay2", std::nullopt}, run_.path(), "");
  }

  test::TempDir etc_;
  test::TempDir run_;
};

TEST_F(EffectiveFileTest, IsReadWhereTheUsersIsWhichStaysAsItWas) {
  NEEDS(::geteuid() == 0, "root");
  etc_.write("docker/daemon.json", R"({"debug": true})");
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    const auto launched = launch();
    ASSERT_TRUE(ok(launched));
    EXPECT_TRUE(launched->file_written);
    EXPECT_TRUE(launched->warnings.empty());
    EXPECT_EQ(launched->argv, Words{"dockerd"});
    EXPECT_EQ(etc_.read("docker/daemon.json"), kEffective);
  }));
  EXPECT_EQ(etc_.read("docker/daemon.json"), R"({"debug": true})");
}

TEST_F(EffectiveFileTest, IsAsPrivateAsTheUsers) {
  NEEDS(::geteuid() == 0, "root");
  ::chmod(etc_.write("docker/daemon.json", R"({"debug": true})").c_str(), 0600);
  EXPECT_TRUE(holds_in_mount_namespace([&] { ASSERT_TRUE(ok(launch())); }));
  EXPECT_EQ(test::stat_of(run_ / "daemon.json").st_mode & 07777U, 0600U);
}

TEST_F(EffectiveFileTest, GetsANameToBeMountedOn) {
  NEEDS(::geteuid() == 0, "root");
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    ASSERT_TRUE(ok(launch()));
    EXPECT_EQ(etc_.read("docker/daemon.json"), "{\n  \"storage-driver\": \"overlay2\"\n}\n");
  }));
  EXPECT_EQ(etc_.read("docker/daemon.json"), "{}\n");
}

TEST_F(EffectiveFileTest, IsGivenByFlagWhereTheFolderIsReadOnly) {
  NEEDS(::geteuid() == 0, "root");
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    ASSERT_TRUE(ok(sys::bind_read_only(etc_.path())));
    const auto launched = launch();
    ASSERT_TRUE(ok(launched));
    EXPECT_EQ(launched->argv,
              (Words{"dockerd", "--config-file=" + (run_ / "daemon.json").native()}));
    EXPECT_EQ(launched->warnings.size(), 1U);
  }));
}

} // namespace
} // namespace dind::daemon
