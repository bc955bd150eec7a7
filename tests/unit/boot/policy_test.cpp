#include <boot/policy.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

using std::chrono::seconds;

TEST(PolicyTest, TakesOverWhatIsWished) {
  SupervisionWishes wishes;
  wishes.stop_timeout = seconds(7);
  wishes.drain = seconds(9);
  wishes.restart = {.on_failure = true, .most = 3};
  wishes.signal_rewrite = {{15, 3}};
  const init::Policy policy = policy_of(wishes, true);
  EXPECT_EQ(policy.stop_timeout, seconds(7));
  EXPECT_EQ(policy.drain, seconds(9));
  EXPECT_TRUE(policy.restart);
  EXPECT_EQ(policy.most_restarts, 3U);
  EXPECT_EQ(policy.rewrite, wishes.signal_rewrite);
  EXPECT_TRUE(policy.at_terminal);
}

TEST(PolicyTest, RemapsNamedCodesAlone) {
  SupervisionWishes wishes;
  wishes.exit_remap = {143, 137};
  EXPECT_EQ(remapped(wishes, 143), 0);
  EXPECT_EQ(remapped(wishes, 137), 0);
  EXPECT_EQ(remapped(wishes, 1), 1);
  EXPECT_EQ(remapped({}, 143), 143);
}

TEST(PolicyTest, NobodyElsesEndCanBeWaitedForByPid1) {
  SupervisionWishes wishes;
  EXPECT_FALSE(objection(wishes, true));
  wishes.exit_with.on = ExitCondition::main;
  EXPECT_TRUE(objection(wishes, true));
  EXPECT_FALSE(objection(wishes, false));
}

struct Grace {
  int drain;
  int stop;
  bool warns;
};

TEST(PolicyTest, WarnsWhenAStopMayTakeLongerThanIsGranted) {
  // The engine's own limit holds where there is none of ours.
  for (const Grace& row : {Grace{0, 0, false},
                           {0, 600, false},
                           {15, 0, false},
                           {16, 0, true},
                           {20, 10, false},
                           {20, 11, true},
                           {600, 5, true}}) {
    SupervisionWishes wishes;
    wishes.drain = seconds(row.drain);
    wishes.stop_timeout = seconds(row.stop);
    EXPECT_EQ(grace_warning(wishes).has_value(), row.warns) << row.drain << " and " << row.stop;
  }
}

} // namespace
} // namespace dind::boot
