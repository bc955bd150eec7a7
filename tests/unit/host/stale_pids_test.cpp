#include <host/stale_pids.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <sys/prctl.h>
#include <unistd.h>

namespace dind::host {
namespace {

using test::ok;

// A process that looks like `name` to others, for as long as this lives.
class Impostor {
public:
  explicit Impostor(const char* name) {
    pid_ = test::fork_into([this, name] {
      ::prctl(PR_SET_NAME, name);
      started_.send();
      end_.writer = Fd();
      return end_.receive() == -1 ? 0 : 1;
    });
    started_.receive();
  }
  ~Impostor() {
    end_.writer = Fd();
    test::exit_code_of(pid_);
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;

  std::string pid() const { return std::to_string(pid_); }

private:
  test::Pipe started_;
  test::Pipe end_;
  pid_t pid_ = 0;
};

TEST(StalePidsTest, AreRemovedInEveryFolder) {
  const test::TempDir run;
  run.write("docker.pid", "999999999");
  run.write("DockerD.PID", "");
  run.write("docker-ssd.pid", "1");
  run.write("docker/containerd/containerd.pid", std::to_string(::getpid()) + "\n");
  const auto removed = remove_stale_pid_files(run.path());
  ASSERT_TRUE(ok(removed));
  EXPECT_EQ(removed->size(), 4U);
  EXPECT_FALSE(run.has("docker.pid"));
  EXPECT_FALSE(run.has("docker/containerd/containerd.pid"));
}

TEST(StalePidsTest, LeaveOtherFilesAlone) {
  const test::TempDir run;
  for (const char* name : {"sshd.pid", "docker.sock", "docker.pid.bak", "mydocker.pid"}) {
    run.write(name, "999999999");
  }
  const auto removed = remove_stale_pid_files(run.path());
  ASSERT_TRUE(ok(removed));
  EXPECT_TRUE(removed->empty());
}

TEST(StalePidsTest, LeaveTheFileOfALivingDaemon) {
  const test::TempDir run;
  const Impostor dockerd("dockerd");
  const Impostor shell("sh");
  const Impostor client("docker");
  const Impostor shim("containerd-shim");
  run.write("docker.pid", dockerd.pid());
  run.write("docker2.pid", shell.pid());
  run.write("docker3.pid", client.pid());
  run.write("containerd.pid", shim.pid());
  ASSERT_TRUE(ok(remove_stale_pid_files(run.path())));
  EXPECT_TRUE(run.has("docker.pid"));
  EXPECT_FALSE(run.has("docker2.pid"));
  EXPECT_FALSE(run.has("docker3.pid"));
  EXPECT_FALSE(run.has("containerd.pid"));
}

TEST(StalePidsTest, FollowNoSymlink) {
  const test::TempDir elsewhere;
  elsewhere.write("docker.pid", "999999999");
  const test::TempDir run;
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), (run / "link").c_str()), 0);
  ASSERT_EQ(::symlink((elsewhere / "docker.pid").c_str(), (run / "docker.pid").c_str()), 0);
  ASSERT_TRUE(ok(remove_stale_pid_files(run.path())));
  EXPECT_TRUE(elsewhere.has("docker.pid"));
  EXPECT_TRUE(run.has("docker.pid"));
}

TEST(StalePidsTest, AreNoneInAMissingFolder) {
  const auto removed = remove_stale_pid_files("/nowhere/at/all");
  ASSERT_TRUE(ok(removed));
  EXPECT_TRUE(removed->empty());
}

} // namespace
} // namespace dind::host
