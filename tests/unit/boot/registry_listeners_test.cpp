#include <boot/registry_listeners.hpp>

#include <boot/public_sockets.hpp>
#include <support/expect.hpp>
#include <sys/listen.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>

namespace dind::boot {
namespace {

using config::Registry;
using test::fails_saying;
using test::ok;

constexpr std::uint16_t kFreePort = 0; // the kernel chooses one

std::uint16_t port_of(const Fd& listener) {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.sin_port);
}

daemon::ListenerPlan api_at(const std::string& host) {
  daemon::ListenerPlan plan;
  plan.bound.push_back(daemon::parse_host(host));
  return plan;
}

TEST(RegistryListenersTest, AreNoneWhereItIsOff) {
  const auto plan = claim_registry({}, {}, {});
  ASSERT_TRUE(ok(plan));
  EXPECT_TRUE(plan->listeners.empty());
}

TEST(RegistryListenersTest, ListenAtOnce) {
  const auto plan = claim_registry({.reach = Registry::Reach::loopback, .port = kFreePort}, {}, {});
  ASSERT_TRUE(ok(plan));
  ASSERT_EQ(plan->listeners.size(), 1U);
  int listens = 0;
  socklen_t size = sizeof listens;
  ::getsockopt(plan->listeners[0].get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
  EXPECT_EQ(listens, 1);
}

TEST(RegistryListenersTest, APortThatIsTakenIsToldWithTheVariable) {
  const Fd other = sys::bind_tcp("127.0.0.1", kFreePort).value();
  ASSERT_TRUE(ok(sys::start_listening(other)));
  const Registry registry = {.reach = Registry::Reach::loopback, .port = port_of(other)};
  const auto refused = claim_registry(registry, {}, {});
  EXPECT_TRUE(fails_saying("is taken on 127.0.0.1: end what listens there, or name another by "
                           "DIND_REGISTRY",
                           refused));
}

// Of the boot's two listeners the registry's is to move, although the API's is refused later.
TEST(RegistryListenersTest, TheApisPortIsToldWithTheVariable) {
  const std::uint16_t port = port_of(sys::bind_tcp("127.0.0.1", kFreePort).value());
  const struct {
    std::string api;
    Registry::Reach reach;
    std::string ip;
  } cases[] = {
      {fmt::format("tcp://127.0.0.1:{}", port), Registry::Reach::loopback, ""},
      {fmt::format("tcp://127.0.0.1:{}", port), Registry::Reach::bridge, ""},
      {fmt::format("tcp://127.0.0.1:{}", port), Registry::Reach::address, "0.0.0.0"},
      {fmt::format("tcp://0.0.0.0:{}", port), Registry::Reach::loopback, ""},
      {fmt::format("tcp://[::]:{}", port), Registry::Reach::loopback, ""},
  };
  for (const auto& one : cases) {
    const daemon::ListenerPlan api = api_at(one.api);
    const auto sockets = PublicSockets::claim(api, config::Activate::late);
    ASSERT_TRUE(ok(sockets)) << one.api;
    const Registry registry = {.reach = one.reach, .ip = one.ip, .port = port};
    EXPECT_TRUE(fails_saying("where the API listens (" + one.api +
                                 "): name another port, as in DIND_REGISTRY=loopback:PORT",
                             claim_registry(registry, {}, api)));
  }
}

TEST(RegistryListenersTest, TheApisPortOnAnotherAddressIsFree) {
  const std::uint16_t port = port_of(sys::bind_tcp("127.0.0.1", kFreePort).value());
  const Registry registry = {.reach = Registry::Reach::loopback, .port = port};
  for (const std::string& api :
       {fmt::format("tcp://127.0.0.2:{}", port), fmt::format("tcp://[::1]:{}", port),
        std::string("unix:///var/run/docker.sock")}) {
    EXPECT_TRUE(ok(claim_registry(registry, {}, api_at(api)))) << api;
  }
}

} // namespace
} // namespace dind::boot
