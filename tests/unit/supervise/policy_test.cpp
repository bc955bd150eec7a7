#include <supervise/policy.hpp>

#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::supervise {
namespace {

using std::chrono::seconds;

TEST(PolicyTest, TakesOverWhatIsWished) {
  config::SupervisionSettings settings;
  settings.stop_timeout = seconds(7);
  settings.drain = seconds(9);
  settings.restart = {.on_failure = true, .most = 3};
  settings.signal_rewrite = {{15, 3}};
  const init::Policy policy = policy_of(settings, Terminal::attached);
  EXPECT_EQ(policy.stop_timeout, seconds(7));
  EXPECT_EQ(policy.drain, seconds(9));
  EXPECT_TRUE(policy.restart);
  EXPECT_EQ(policy.most_restarts, 3U);
  EXPECT_EQ(policy.rewrite, settings.signal_rewrite);
  EXPECT_TRUE(policy.at_terminal);
}

TEST(PolicyTest, RemapsNamedCodesAlone) {
  config::SupervisionSettings settings;
  settings.exit_remap = {143, 137};
  EXPECT_EQ(remapped(settings, 143), 0);
  EXPECT_EQ(remapped(settings, 137), 0);
  EXPECT_EQ(remapped(settings, 1), 1);
  EXPECT_EQ(remapped({}, 143), 143);
}

TEST(PolicyTest, NobodyElsesEndCanBeWaitedForByPid1) {
  config::SupervisionSettings settings;
  EXPECT_FALSE(objection(settings, 1));
  settings.exit_with.on = config::ExitOn::main;
  EXPECT_TRUE(objection(settings, 1));
  EXPECT_FALSE(objection(settings, 7));
}

TEST(PolicyTest, WritesOverNothingButAFile) {
  const test::TempDir dir;
  config::SupervisionSettings settings;
  for (std::string* const file : {&settings.ready_file, &settings.metrics_file}) {
    for (const std::string& path :
         {dir.write("file", "").native(), (dir.path() / "none").native()}) {
      *file = path;
      EXPECT_FALSE(objection(settings, 1)) << path;
    }
    for (const std::string path : {"/dev/null", dir.path().c_str()}) {
      *file = path;
      EXPECT_TRUE(objection(settings, 1)) << path;
    }
    file->clear();
  }
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
    config::SupervisionSettings settings;
    settings.drain = seconds(row.drain);
    settings.stop_timeout = seconds(row.stop);
    EXPECT_EQ(grace_warning(settings).has_value(), row.warns) << row.drain << " and " << row.stop;
  }
}

} // namespace
} // namespace dind::supervise
