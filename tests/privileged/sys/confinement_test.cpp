#include <sys/confinement.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;

TEST(ConfinementTest, LeavesReadingAndLittleElse) {
  NEEDS(::geteuid() == 0, "root");
  const test::TempDir dir;
  const auto secret = dir.write("a/secret", "read");
  ASSERT_EQ(::chmod(secret.c_str(), 0600), 0);
  ASSERT_EQ(::chmod((dir / "a").c_str(), 0700), 0);
  EXPECT_TRUE(test::holds_in_child([&] {
    ASSERT_TRUE(ok(confine_to_reading()));
    EXPECT_EQ(read_file(secret, 100).value(), "read");
    EXPECT_TRUE(fails_with(EACCES, open_path(secret, O_WRONLY)));
    EXPECT_TRUE(fails_with(EACCES, open_path(dir / "a/new", O_WRONLY | O_CREAT, 0600)));
    EXPECT_EQ(::setuid(0), -1);
    EXPECT_EQ(::kill(::getppid(), 0), -1);
    const std::string status = read_file("/proc/thread-self/status", 10'000).value();
    EXPECT_NE(status.find("CapPrm:\t0000000000000004\n"), std::string::npos);
    EXPECT_NE(status.find("CapEff:\t0000000000000004\n"), std::string::npos);
    EXPECT_NE(status.find("NoNewPrivs:\t1\n"), std::string::npos);
    EXPECT_NE(status.find("Groups:\t \n"), std::string::npos);
    const Fd client(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_port = htons(53);
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof loopback), -1);
  }));
}

} // namespace
} // namespace dind::sys
