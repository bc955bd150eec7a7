#include <boot/public_sockets.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/listen.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::boot {
namespace {

namespace fs = boost::filesystem;
using test::fails_saying;
using test::ok;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class PublicSocketsTest : public testing::Test {
protected:
  static daemon::ListenerPlan plan_at(const fs::path& path) {
    daemon::ListenerPlan plan;
    plan.bound.push_back(daemon::parse_host("unix://" + path.native()));
    return plan;
  }
  daemon::ListenerPlan plan() const { return plan_at(path_); }
  bool listens() const {
    const auto listened = sys::is_listened_at(path_);
    return listened && *listened;
  }

  test::TempDir dir_{"/var/tmp"};
  fs::path path_ = dir_ / "docker.sock";
};

seed::SeedPlan plan_of(std::initializer_list<seed::Method> methods) {
  const Digest digest = Digest::parse("sha256:" + std::string(64, 'a')).value();
  seed::SeedPlan plan;
  for (const seed::Method method : methods) {
    plan.layers.push_back({.chain_id = digest, .diff_id = digest, .method = method});
  }
  return plan;
}

const seed::SeedPlan kQuick = plan_of({seed::Method::link, seed::Method::native});
const seed::SeedPlan kSlow = plan_of({seed::Method::link, seed::Method::copy});

TEST(InstantPlanTest, CopiesAndLoadsNothing) {
  using enum seed::Method;
  EXPECT_TRUE(is_instant(plan_of({})));
  EXPECT_TRUE(is_instant(plan_of({present, link, native, reflink, hardlink})));
  EXPECT_FALSE(is_instant(kSlow));
  EXPECT_FALSE(is_instant(plan_of({load})));
  seed::SeedPlan by_load;
  by_load.kind = seed::SeedPlan::Kind::load;
  EXPECT_FALSE(is_instant(by_load));
}

TEST_F(PublicSocketsTest, ListenFirstThingIfEarly) {
  const auto sockets = PublicSockets::claim(plan(), config::Activate::early);
  ASSERT_TRUE(ok(sockets));
  EXPECT_TRUE(listens());
}

TEST_F(PublicSocketsTest, ListenInTmpOnceThatIsMounted) {
  const test::TempDir tmp("/tmp");
  PublicSockets sockets =
      PublicSockets::claim(plan_at(tmp / "docker.sock"), config::Activate::early).value();
  EXPECT_FALSE(tmp.has("docker.sock"));
  sockets.listen_before(kSlow);
  EXPECT_TRUE(tmp.has("docker.sock"));
}

TEST_F(PublicSocketsTest, ListenAtTheEndIfLate) {
  PublicSockets sockets = PublicSockets::claim(plan(), config::Activate::late).value();
  sockets.listen_before(kQuick);
  EXPECT_FALSE(listens());
  const auto handed = sockets.hand_over();
  ASSERT_TRUE(ok(handed));
  EXPECT_EQ(handed->size(), 1U);
  EXPECT_TRUE(listens());
}

TEST_F(PublicSocketsTest, ListenBeforeSeedingThatTakesNoTimeAndAfterOneThatDoes) {
  PublicSockets sockets = PublicSockets::claim(plan(), config::Activate::automatic).value();
  sockets.listen_before(kSlow);
  EXPECT_FALSE(listens());
  sockets.listen_before(kQuick);
  EXPECT_TRUE(listens());
  EXPECT_TRUE(ok(sockets.hand_over()));
}

TEST_F(PublicSocketsTest, LeaveNoFileIfTheBootEnds) {
  { const auto sockets = PublicSockets::claim(plan(), config::Activate::early); }
  EXPECT_FALSE(dir_.has("docker.sock"));
}

TEST_F(PublicSocketsTest, NameWhatIsInTheWay) {
  std::vector<Fd> other;
  other.push_back(sys::listen_at(path_, ::getegid(), 0600).value());
  EXPECT_TRUE(fails_saying("another process listens at " + path_.native(),
                           PublicSockets::claim(plan(), config::Activate::late)));
  EXPECT_TRUE(listens());
  daemon::ListenerPlan group = plan();
  group.group = "no-such-group";
  EXPECT_TRUE(
      fails_saying("--group=no-such-group", PublicSockets::claim(group, config::Activate::late)));
}

// The error of claiming `at` while its port or path is taken.
std::string complaint_about(daemon::HostAddress at, daemon::HostAddress::Origin origin) {
  at.origin = origin;
  daemon::ListenerPlan plan;
  plan.bound.push_back(std::move(at));
  const auto claimed = PublicSockets::claim(plan, config::Activate::late);
  return claimed ? "" : claimed.error().describe();
}

TEST_F(PublicSocketsTest, NameWhatWouldGiveASocketElsewhere) {
  using enum daemon::HostAddress::Origin;
  const Fd other = sys::listen_at(path_, ::getegid(), 0600).value();
  const daemon::HostAddress at = daemon::parse_host("unix://" + path_.native());
  EXPECT_THAT(complaint_about(at, defaults), HasSubstr("or name another by DOCKER_HOST=unix://"));
  EXPECT_THAT(complaint_about(at, option), HasSubstr("or name another by --host"));
  EXPECT_THAT(complaint_about(at, file), HasSubstr("or name another in \"hosts\" of daemon.json"));
}

// A port that is taken on `ip`, as an address of every interface.
class TakenPort {
public:
  explicit TakenPort(const std::string& ip) {
    for (std::uint16_t port = 20000; port < 21000 && !fd_; ++port) {
      auto bound = sys::bind_tcp(ip, port);
      if (bound && sys::start_listening(*bound)) {
        fd_ = std::move(bound).value();
        at = daemon::parse_host(fmt::format("tcp://0.0.0.0:{}", port));
      }
    }
  }
  explicit operator bool() const { return bool(fd_); }

  daemon::HostAddress at;

private:
  Fd fd_;
};

TEST(TakenPortTest, IsToldWithWhatWouldHelp) {
  using enum daemon::HostAddress::Origin;
  const TakenPort taken("127.0.0.1");
  ASSERT_TRUE(taken);
  EXPECT_THAT(complaint_about(taken.at, defaults),
              AllOf(StartsWith(fmt::format("port {} is taken on 0.0.0.0", taken.at.port)),
                    HasSubstr("write the whole command without it")));
  EXPECT_THAT(complaint_about(taken.at, option), HasSubstr("or name another by --host"));
  EXPECT_THAT(complaint_about(taken.at, file), HasSubstr("\"hosts\" of daemon.json"));
}

TEST(TakenPortTest, IsFreeForIPv4WhereItIsTakenForIPv6Alone) {
  TakenPort taken("::1");
  NEEDS(taken, "IPv6");
  EXPECT_THAT(complaint_about(taken.at, daemon::HostAddress::Origin::defaults),
              HasSubstr("set DIND_TCP_BIND=0.0.0.0"));
  taken.at.only_ipv4 = true;
  EXPECT_EQ(complaint_about(taken.at, daemon::HostAddress::Origin::defaults), "");
}

} // namespace
} // namespace dind::boot
