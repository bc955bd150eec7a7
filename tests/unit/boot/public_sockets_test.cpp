#include <boot/public_sockets.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/listen.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

using test::fails_saying;
using test::ok;

class PublicSocketsTest : public testing::Test {
protected:
  daemon::ListenerPlan plan() const {
    daemon::ListenerPlan plan;
    plan.bound.push_back(daemon::parse_host("unix://" + path_.native()));
    return plan;
  }
  bool listens() const {
    const auto listened = sys::is_listened_at(path_);
    return listened && *listened;
  }

  test::TempDir dir_;
  fs::path path_ = dir_ / "docker.sock";
};

seed::SeedPlan plan_of(std::initializer_list<seed::Method> methods) {
  seed::SeedPlan plan;
  for (const seed::Method method : methods) {
    plan.layers.push_back({.method = method});
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
  by_load.by_load = true;
  EXPECT_FALSE(is_instant(by_load));
}

TEST_F(PublicSocketsTest, ListenFirstThingIfEarly) {
  const auto sockets = PublicSockets::claim(plan(), ActivateWish::early);
  ASSERT_TRUE(ok(sockets));
  EXPECT_TRUE(listens());
}

TEST_F(PublicSocketsTest, ListenAtTheEndIfLate) {
  PublicSockets sockets = PublicSockets::claim(plan(), ActivateWish::late).value();
  sockets.listen_before(kQuick);
  EXPECT_FALSE(listens());
  const auto handed = sockets.hand_over();
  ASSERT_TRUE(ok(handed));
  EXPECT_EQ(handed->size(), 1U);
  EXPECT_TRUE(listens());
}

TEST_F(PublicSocketsTest, ListenBeforeSeedingThatTakesNoTimeAndAfterOneThatDoes) {
  PublicSockets sockets = PublicSockets::claim(plan(), ActivateWish::automatic).value();
  sockets.listen_before(kSlow);
  EXPECT_FALSE(listens());
  sockets.listen_before(kQuick);
  EXPECT_TRUE(listens());
  EXPECT_TRUE(ok(sockets.hand_over()));
}

TEST_F(PublicSocketsTest, LeaveNoFileIfTheBootEnds) {
  { const auto sockets = PublicSockets::claim(plan(), ActivateWish::early); }
  EXPECT_FALSE(dir_.has("docker.sock"));
}

TEST_F(PublicSocketsTest, NameWhatIsInTheWay) {
  std::vector<Fd> other;
  other.push_back(sys::listen_at(path_, ::getegid(), 0600).value());
  EXPECT_TRUE(fails_saying("another process listens at " + path_.native(),
                           PublicSockets::claim(plan(), ActivateWish::late)));
  EXPECT_TRUE(listens());
  daemon::ListenerPlan group = plan();
  group.group = "no-such-group";
  EXPECT_TRUE(
      fails_saying("--group=no-such-group", PublicSockets::claim(group, ActivateWish::late)));
}

} // namespace
} // namespace dind::boot
