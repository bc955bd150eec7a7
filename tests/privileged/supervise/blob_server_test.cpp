#include <supervise/blob_server.hpp>

#include <init/signals.hpp>
#include <support/cache_builder.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/tar_builder.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <sstream>
#include <thread>

namespace dind::supervise {
namespace {

using namespace std::chrono_literals;
using test::ok;

// A service that waits, supervised by a child of this process, which keeps a server of blobs.
class SupervisedBlobsTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0, "root");
    NEEDS(::access("/dev/fuse", R_OK | W_OK) == 0, "/dev/fuse");
    NEEDS(test::enter_mount_namespace(), "mount namespaces");
  }

  void start(
      const std::vector<blobs::BlobSource>& sources, const std::function<void()>& prepare = [] {}) {
    supervising_ = test::fork_into([&] {
      prepare();
      const auto signals = init::SignalSource::open();
      return signals ? supervise(*signals, sources) : 71;
    });
    ASSERT_EQ(started_.receive(), 0);
  }

  int stop() {
    ::kill(supervising_, SIGTERM);
    return test::exit_code_of(supervising_);
  }

  // The child of the supervising process that serves; 0 if there is none.
  pid_t server() const {
    const auto children =
        sys::read_file(fmt::format("/proc/{0}/task/{0}/children", supervising_), 10'000);
    std::istringstream words(children ? *children : "");
    for (pid_t child = 0; words >> child;) {
      const auto name = sys::read_file(fmt::format("/proc/{}/comm", child), 100);
      if (name && *name == "dind-blobs\n") {
        return child;
      }
    }
    return 0;
  }

  pid_t await_server_but(pid_t former) const {
    for (int tries = 0; tries < 500; ++tries) {
      const pid_t found = server();
      if (found != 0 && found != former) {
        return found;
      }
      std::this_thread::sleep_for(20ms);
    }
    return 0;
  }

  const test::TempDir dir_;
  const sys::fs::path mounted_ = dir_ / "blobs";
  const test::Pipe started_;
  test::Pipe warnings_; // a byte for each

private:
  int supervise(const init::SignalSource& signals, const std::vector<blobs::BlobSource>& sources) {
    std::function<void()> ready;
    init::Service service;
    service.start = [&]() -> Result<pid_t> {
      ready();
      const pid_t main = test::fork_into([] {
        sigset_t stop;
        ::sigemptyset(&stop);
        ::sigaddset(&stop, SIGTERM);
        ::sigwaitinfo(&stop, nullptr);
        return 0;
      });
      started_.send();
      return main;
    };
    init::Supervisor supervisor(signals, {}, service);
    ready = [&] { supervisor.ready(); };
    BlobServer server(supervisor, mounted_, sources,
                      [this](const std::string&) { warnings_.send(); });
    server.begin();
    const int code = supervisor.run();
    server.finish();
    return code;
  }

  pid_t supervising_ = 0;
};

TEST_F(SupervisedBlobsTest, AreThereFromBeforeTheServiceUntilItsEnd) {
  test::CacheBuilder cache;
  const std::string tar = test::TarBuilder().file("a", std::string(300'000, 'a')).finish();
  const Digest diff_id = cache.add_layer(tar);
  start({{diff_id, tar.size(), cache.dir().path().native()}});
  EXPECT_EQ(sys::read_file(mounted_ / diff_id.hex(), 1U << 20U).value(), tar);
  EXPECT_EQ(stop(), 0);
  EXPECT_FALSE(sys::is_mount_point(mounted_).value());
}

TEST_F(SupervisedBlobsTest, AreServedAgainAfterAKill) {
  test::CacheBuilder cache;
  const std::string tar = test::TarBuilder().file("a", std::string(300'000, 'a')).finish();
  const Digest diff_id = cache.add_layer(tar);
  start({{diff_id, tar.size(), cache.dir().path().native()}});
  pid_t former = 0;
  for (int round = 0; round < 3; ++round) {
    const pid_t serving = await_server_but(former);
    ASSERT_NE(serving, 0);
    EXPECT_EQ(sys::read_file(mounted_ / diff_id.hex(), 1U << 20U).value(), tar);
    ASSERT_EQ(::kill(serving, SIGKILL), 0);
    former = serving;
  }
  ASSERT_NE(await_server_but(former), 0);
  EXPECT_EQ(stop(), 0);
  warnings_.writer = Fd();
  EXPECT_EQ(warnings_.receive(), 0);
  EXPECT_EQ(warnings_.receive(), -1); // one is enough
}

TEST_F(SupervisedBlobsTest, AreAWarningWithoutADevice) {
  const Digest diff_id = Digest::from_hex(std::string(64, '0')).value();
  start({{diff_id, 1, "/nowhere"}}, [] {
    EXPECT_EQ(::unshare(CLONE_NEWNS), 0);
    EXPECT_TRUE(ok(sys::mount("tmpfs", "/dev", "tmpfs", 0, "")));
  });
  EXPECT_EQ(warnings_.receive(), 0);
  EXPECT_EQ(server(), 0);
  EXPECT_EQ(stop(), 0);
}

TEST_F(SupervisedBlobsTest, AreNoProcessWhereThereAreNone) {
  start({});
  EXPECT_EQ(server(), 0);
  EXPECT_FALSE(dir_.has("blobs"));
  EXPECT_EQ(stop(), 0);
}

} // namespace
} // namespace dind::supervise
