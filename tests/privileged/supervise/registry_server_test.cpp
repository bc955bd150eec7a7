#include <supervise/registry_server.hpp>

#include <init/signals.hpp>
#include <support/cache_builder.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/tar_builder.hpp>
#include <sys/listen.hpp>
#include <registry/missed.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <sstream>
#include <thread>

namespace dind::supervise {
namespace {

using namespace std::chrono_literals;
using test::ok;

// A service that waits, supervised by a child of this process, which keeps a registry.
class SupervisedRegistryTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0, "root");
    cache_.add_image("alpine:3.20", {cache_.add_layer(test::TarBuilder().file("a", "a").finish())});
    cache_.finish();
  }

  void start() {
    RegistryPlan plan;
    plan.listeners.push_back(sys::bind_tcp("127.0.0.1", 0).value());
    ASSERT_TRUE(ok(sys::start_listening(plan.listeners[0])));
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    ::getsockname(plan.listeners[0].get(), reinterpret_cast<sockaddr*>(&bound), &size);
    port_ = ntohs(bound.sin_port);
    plan.caches = {"/nonexistent", cache_.dir().path().native()};
    supervising_ = test::fork_into([&] {
      const auto signals = init::SignalSource::open();
      return signals ? supervise(*signals, std::move(plan)) : 71;
    });
    plan.listeners.clear();
    ASSERT_EQ(started_.receive(), 0);
  }

  int stop() {
    ::kill(supervising_, SIGTERM);
    return test::exit_code_of(supervising_);
  }

  // "" where no process listens.
  std::string get(const std::string& target) const {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == -1) {
      return "";
    }
    const std::string request =
        "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    std::ignore = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return sys::read_all(fd, 1U << 20U).value();
  }

  // The child of the supervising process that serves, and is not the former.
  pid_t await_server_but(pid_t former) const {
    for (int tries = 0; tries < 500; ++tries) {
      const auto children =
          sys::read_file(fmt::format("/proc/{0}/task/{0}/children", supervising_), 10'000);
      std::istringstream words(children ? *children : "");
      for (pid_t child = 0; words >> child;) {
        const auto name = sys::read_file(fmt::format("/proc/{}/comm", child), 100);
        if (name && *name == "dind-registry\n" && child != former) {
          return child;
        }
      }
      std::this_thread::sleep_for(20ms);
    }
    return 0;
  }

  test::CacheBuilder cache_;
  const test::TempDir run_;
  const test::Pipe started_;
  test::Pipe warnings_; // a byte for each
  test::Pipe used_;     // two for each: hits and misses so far

private:
  int supervise(const init::SignalSource& signals, RegistryPlan plan) {
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
    std::function<void()> let_go;
    service.task = [&] { let_go(); };
    init::Supervisor supervisor(signals, {}, service);
    ready = [&] { supervisor.ready(); };
    RegistryServer server(
        supervisor, run_.path(), std::move(plan), [this](const std::string&) { warnings_.send(); },
        [this](const registry::Counts& so_far) {
          used_.send(static_cast<int>(so_far.hits));
          used_.send(static_cast<int>(so_far.misses));
        });
    let_go = [&] { server.let_go(); };
    server.begin();
    const int code = supervisor.run();
    server.finish();
    return code;
  }

  pid_t supervising_ = 0;
  std::uint16_t port_ = 0;
};

TEST_F(SupervisedRegistryTest, IsThereUntilTheServicesEnd) {
  start();
  EXPECT_NE(get("/v2/alpine/manifests/3.20").find("200 OK"), std::string::npos);
  EXPECT_NE(get("/v2/alpine/manifests/3.21").find("404 Not Found"), std::string::npos);
  EXPECT_EQ(run_.read(registry::kMissedName), "alpine:3.21\n");
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(get("/v2/"), "");
}

// A client that comes meanwhile waits, for PID 1 keeps the listener.
TEST_F(SupervisedRegistryTest, IsStartedAgainAfterAKill) {
  start();
  std::ignore = get("/v2/alpine/manifests/3.21");
  pid_t former = 0;
  for (int round = 0; round < 2; ++round) {
    const pid_t serving = await_server_but(former);
    ASSERT_NE(serving, 0);
    EXPECT_NE(get("/v2/alpine/manifests/3.20").find("200 OK"), std::string::npos);
    ::kill(serving, SIGKILL);
    former = serving;
  }
  EXPECT_NE(get("/v2/alpine/manifests/3.20").find("200 OK"), std::string::npos);
  EXPECT_EQ(warnings_.receive(), 0);
  EXPECT_EQ(run_.read(registry::kMissedName), "alpine:3.21\n");
  EXPECT_EQ(stop(), 0);
}

// The counts are the supervising process' own: they go on where the server was killed.
TEST_F(SupervisedRegistryTest, IsCounted) {
  start();
  EXPECT_EQ(used_.receive(), 0);
  EXPECT_EQ(used_.receive(), 0);
  std::ignore = get("/v2/alpine/manifests/3.20");
  EXPECT_EQ(used_.receive(), 1);
  EXPECT_EQ(used_.receive(), 0);
  const pid_t serving = await_server_but(0);
  ASSERT_NE(serving, 0);
  ::kill(serving, SIGKILL);
  std::ignore = get("/v2/alpine/manifests/3.21");
  EXPECT_EQ(used_.receive(), 1);
  EXPECT_EQ(used_.receive(), 1);
  EXPECT_EQ(stop(), 0);
}

// Nothing of the network but its listener is the server's, and no capability but to read.
TEST_F(SupervisedRegistryTest, IsConfined) {
  start();
  EXPECT_NE(get("/v2/").find("200 OK"), std::string::npos);
  const pid_t serving = await_server_but(0);
  const auto status = sys::read_file(fmt::format("/proc/{}/status", serving), 10'000).value();
  EXPECT_NE(status.find("CapEff:\t0000000000000004"), std::string::npos) << status;
  EXPECT_NE(status.find("Uid:\t65534"), std::string::npos);
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
  const std::string name = "net";
  const auto net_of = [&](const std::string& process) {
    return sys::read_link_at({sys::open_dir("/proc/" + process + "/ns").value(), name}).value();
  };
  EXPECT_NE(net_of(std::to_string(serving)), net_of("self"));
  EXPECT_EQ(stop(), 0);
}

} // namespace
} // namespace dind::supervise
