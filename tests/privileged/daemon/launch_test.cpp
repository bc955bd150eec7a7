#include <daemon/effective_file.hpp>
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
  // Runs `body` where mounts are nobody else's, and propagate as they do in a prepared container.
  static testing::AssertionResult holds_in_mount_namespace(const std::function<void()>& body) {
    return test::holds_in_child([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr), 0);
      ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_SHARED | MS_REC, nullptr), 0);
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
    return configure({{}, false, {}}, {}, file, {"overlay2", std::nullopt, {}}, {}, run_.path(),
                     "");
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

TEST_F(EffectiveFileTest, IsMadeAgainWhenTheUsersWasWrittenTo) {
  NEEDS(::geteuid() == 0, "root");
  etc_.write("docker/daemon.json", R"({"debug": true})");
  // From outside of the mount namespace, as on a node.
  const Fd outside = sys::open_path(etc_ / "docker/daemon.json", O_WRONLY).value();
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    ASSERT_TRUE(ok(launch()));
    ASSERT_TRUE(ok(sys::write_all(outside, R"({"debug":false})")));
    const auto renewed = renew_effective_file(run_.path());
    ASSERT_TRUE(ok(renewed));
    EXPECT_TRUE(*renewed);
    EXPECT_EQ(etc_.read("docker/daemon.json"),
              "{\n  \"debug\": false,\n  \"storage-driver\": \"overlay2\"\n}\n");
  }));
  EXPECT_EQ(etc_.read("docker/daemon.json"), R"({"debug":false})");
}

TEST_F(EffectiveFileTest, TakesUpWhatWasWrittenIntoIt) {
  NEEDS(::geteuid() == 0, "root");
  etc_.write("docker/daemon.json", R"({"debug": true})");
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    ASSERT_TRUE(ok(launch()));
    const Fd seen = sys::open_path(etc_ / "docker/daemon.json", O_WRONLY | O_TRUNC).value();
    ASSERT_TRUE(ok(sys::write_all(seen, R"({"labels":["a=b"]})")));
    ASSERT_TRUE(ok(renew_effective_file(run_.path())));
    const std::string text = etc_.read("docker/daemon.json");
    EXPECT_NE(text.find("a=b"), std::string::npos);
    EXPECT_NE(text.find("overlay2"), std::string::npos);
  }));
  EXPECT_EQ(etc_.read("docker/daemon.json"), R"({"debug": true})");
}

// As the kubelet keeps a ConfigMap: daemon.json -> ..data/daemon.json, and ..data -> a folder
// that is swapped for another one as a whole.
TEST_F(EffectiveFileTest, FollowsAConfigMapThatIsSwapped) {
  NEEDS(::geteuid() == 0, "root");
  etc_.write("docker/..1/daemon.json", R"({"debug": true})");
  etc_.write("docker/..2/daemon.json", R"({"debug": false})");
  ASSERT_EQ(::symlink("..1", (etc_ / "docker/..data").c_str()), 0);
  ASSERT_EQ(::symlink("..data/daemon.json", (etc_ / "docker/daemon.json").c_str()), 0);
  EXPECT_TRUE(holds_in_mount_namespace([&] {
    const auto launched = launch();
    ASSERT_TRUE(ok(launched));
    EXPECT_TRUE(launched->warnings.empty());
    EXPECT_EQ(etc_.read("docker/daemon.json"), kEffective);
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(::symlink(i == 0 ? "..2" : "..1", (etc_ / "docker/..new").c_str()), 0);
      ASSERT_EQ(::rename((etc_ / "docker/..new").c_str(), (etc_ / "docker/..data").c_str()), 0);
      const auto renewed = renew_effective_file(run_.path());
      ASSERT_TRUE(ok(renewed));
      const std::string text = etc_.read("docker/daemon.json");
      EXPECT_NE(text.find(i == 0 ? "false" : "true"), std::string::npos) << text;
      EXPECT_NE(text.find("overlay2"), std::string::npos);
    }
  }));
}

} // namespace
} // namespace dind::daemon
