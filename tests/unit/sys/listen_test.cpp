#include <sys/listen.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;
using test::stat_of;
using test::TempDir;

// A server as another program would have it, without any of our care.
Fd serve_plainly(const fs::path& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path, path.c_str(), path.size());
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

TEST(ListenAtTest, TakesConnectionsWithItsGroupAndMode) {
  const TempDir dir;
  const fs::path path = dir / "api.sock";
  const auto socket = listen_at(path, ::getegid(), 0660);
  ASSERT_TRUE(ok(socket));
  EXPECT_TRUE(is_listened_at(path).value());
  EXPECT_EQ(stat_of(path).st_mode & 07777U, 0660U);
  EXPECT_EQ(stat_of(path).st_gid, ::getegid());
  EXPECT_FALSE(dir.has("api.sock~"));
}

TEST(ListenAtTest, GivesItToAnotherGroup) {
  NEEDS(::geteuid() == 0, "root");
  const TempDir dir;
  const auto socket = listen_at(dir / "api.sock", 2375, 0660);
  ASSERT_TRUE(ok(socket));
  EXPECT_EQ(stat_of(dir / "api.sock").st_gid, 2375U);
}

TEST(ListenAtTest, TakesThePlaceOfOneThatWasLeftBehind) {
  const TempDir dir;
  const fs::path path = dir / "api.sock";
  serve_plainly(path);
  EXPECT_FALSE(is_listened_at(path).value());
  serve_plainly(dir / "api.sock~");
  const auto socket = listen_at(path, ::getegid(), 0600);
  ASSERT_TRUE(ok(socket));
  EXPECT_TRUE(is_listened_at(path).value());
}

TEST(ListenAtTest, LeavesALivingOneAlone) {
  const TempDir dir;
  const fs::path path = dir / "api.sock";
  const Fd other = serve_plainly(path);
  const ino_t before = stat_of(path).st_ino;
  EXPECT_TRUE(fails_with(EADDRINUSE, listen_at(path, ::getegid(), 0600)));
  EXPECT_EQ(stat_of(path).st_ino, before);
}

TEST(ListenAtTest, RemovesNothingThatIsNoSocket) {
  const TempDir dir;
  dir.write("api.sock", "precious");
  EXPECT_TRUE(fails_with(EEXIST, listen_at(dir / "api.sock", ::getegid(), 0600)));
  EXPECT_EQ(dir.read("api.sock"), "precious");
  ::symlink("/etc/passwd", (dir / "link.sock").c_str());
  EXPECT_TRUE(fails_with(EEXIST, listen_at(dir / "link.sock", ::getegid(), 0600)));
}

TEST(ListenAtTest, RefusesAPathThatDoesNotFit) {
  const TempDir dir;
  const std::string longest(106 - dir.path().size() - 1, 'x');
  EXPECT_TRUE(ok(listen_at(dir / longest, ::getegid(), 0600)));
  EXPECT_TRUE(fails_with(ENAMETOOLONG, listen_at(dir / (longest + "x"), ::getegid(), 0600)));
}

TEST(ClearSocketTest, RemovesWhatWasLeftAndNothingElse) {
  const TempDir dir;
  serve_plainly(dir / "old.sock");
  EXPECT_TRUE(ok(clear_socket_at(dir / "old.sock")));
  EXPECT_FALSE(dir.has("old.sock"));
  EXPECT_TRUE(ok(clear_socket_at(dir / "none.sock")));
  const Fd living = serve_plainly(dir / "living.sock");
  EXPECT_TRUE(fails_with(EADDRINUSE, clear_socket_at(dir / "living.sock")));
}

TEST(StopListeningTest, RemovesTheFileUnlessAnotherServesThere) {
  const TempDir dir;
  std::vector<Fd> sockets;
  sockets.push_back(listen_at(dir / "ours.sock", ::getegid(), 0600).value());
  sockets.push_back(listen_at(dir / "taken.sock", ::getegid(), 0600).value());
  sockets.push_back(bind_tcp("127.0.0.1", 0).value());
  ASSERT_EQ(::unlink((dir / "taken.sock").c_str()), 0);
  const Fd other = serve_plainly(dir / "taken.sock");
  stop_listening(sockets);
  EXPECT_TRUE(sockets.empty());
  EXPECT_FALSE(dir.has("ours.sock"));
  EXPECT_TRUE(dir.has("taken.sock"));
}

std::uint16_t port_of(const Fd& socket) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin6_port); // where sockaddr_in has it, too
}

template <typename Address>
int connect_to(const Address& address, int family) {
  const Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(fd.get(), generic, sizeof address) == 0 ? 0 : errno;
}

int connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect_to(address, AF_INET);
}

int connect_by_ipv6_to(std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_loopback;
  return connect_to(address, AF_INET6);
}

// From here on this process makes no socket of IPv6, as on a kernel that was started with
// ipv6.disable=1.
bool lose_ipv6() {
  std::array<sock_filter, 6> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(BindTcpTest, RefusesConnectionsUntilItListens) {
  const auto socket = bind_tcp("127.0.0.1", 0);
  ASSERT_TRUE(ok(socket));
  const std::uint16_t port = port_of(*socket);
  EXPECT_EQ(connect_to(port), ECONNREFUSED);
  EXPECT_TRUE(ok(start_listening(*socket)));
  EXPECT_TRUE(ok(start_listening(*socket)));
  EXPECT_EQ(connect_to(port), 0);
}

TEST(BindTcpTest, NoticesAPortThatIsTaken) {
  const Fd first = bind_tcp("127.0.0.1", 0).value();
  ASSERT_TRUE(ok(start_listening(first)));
  EXPECT_TRUE(fails_with(EADDRINUSE, bind_tcp("0.0.0.0", port_of(first))));
}

TEST(BindTcpTest, TakesIPv4AsWellOnTheUnspecifiedIPv6Address) {
  const auto socket = bind_tcp("::", 0);
  NEEDS(socket, "IPv6");
  ASSERT_TRUE(ok(start_listening(*socket)));
  EXPECT_EQ(connect_to(port_of(*socket)), 0);
}

TEST(BindTcpTest, EverywhereTakesClientsOfIPv6AndOfIPv4) {
  NEEDS(bind_tcp("::1", 0), "IPv6");
  const auto socket = bind_tcp_everywhere(0);
  ASSERT_TRUE(ok(socket));
  ASSERT_TRUE(ok(start_listening(*socket)));
  EXPECT_EQ(connect_by_ipv6_to(port_of(*socket)), 0);
  EXPECT_EQ(connect_to(port_of(*socket)), 0);
}

TEST(BindTcpTest, EverywhereIsIPv4WhereTheKernelHasNoOther) {
  EXPECT_TRUE(test::holds_in_child([] {
    ASSERT_TRUE(lose_ipv6());
    ASSERT_TRUE(fails_with(EAFNOSUPPORT, bind_tcp("::", 0)));
    const auto socket = bind_tcp_everywhere(0);
    ASSERT_TRUE(ok(socket));
    ASSERT_TRUE(ok(start_listening(*socket)));
    EXPECT_EQ(connect_to(port_of(*socket)), 0);
  }));
}

TEST(BindTcpTest, EverywhereNoticesAPortThatIsTakenByEither) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    const auto first = bind_tcp(ip, 0);
    NEEDS(first, "IPv6");
    ASSERT_TRUE(ok(start_listening(*first)));
    EXPECT_TRUE(fails_with(EADDRINUSE, bind_tcp_everywhere(port_of(*first)))) << ip;
  }
}

TEST(BindTcpTest, TakesAddressesOnly) {
  EXPECT_TRUE(fails_with(EINVAL, bind_tcp("localhost", 1)));
}

} // namespace
} // namespace dind::sys
