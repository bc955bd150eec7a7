#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <supervise/hooks.hpp>
#include <supervise/post_start.hpp>

#include <sys/stat.h>

namespace dind::supervise {
namespace {

using test::ok;
using test::TempDir;

class HooksTest : public testing::Test {
protected:
  void add(const std::string& name, const std::string& script, mode_t mode = 0755) {
    const auto path = dir_.write(name, "#!/bin/sh\n" + script + "\n");
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }

  std::vector<std::string> run(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    HookSetting setting;
    setting.dir = dir_.path();
    setting.patience = patience;
    setting.environment = {"PATH=/usr/bin:/bin", "OUT=" + (dir_ / ".out").native()};
    ::sigemptyset(&setting.mask);
    return run_hooks(setting);
  }

  const TempDir dir_;
};

TEST_F(HooksTest, RunInTheOrderOfTheirNames) {
  add("20-second", "echo second >>$OUT");
  add("10-first", "echo first >>$OUT");
  add(".hidden", "echo hidden >>$OUT");
  EXPECT_EQ(run(), std::vector<std::string>{});
  EXPECT_EQ(dir_.read(".out"), "first\nsecond\n");
}

TEST_F(HooksTest, AFailureIsNamedAndTheOthersRun) {
  add("1", "exit 3");
  add("2", "echo ran >>$OUT");
  const auto failures = run();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0], fmt::format("hook {} ended with 3", (dir_ / "1").native()));
  EXPECT_EQ(dir_.read(".out"), "ran\n");
}

TEST_F(HooksTest, WhatTakesTooLongIsKilledWithWhatItStarted) {
  add("1", "(sleep 1000; echo late >>$OUT) & wait");
  const auto failures = run(std::chrono::milliseconds(50));
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_TRUE(failures[0].ends_with("was killed after 0.05 s")) << failures[0];
}

TEST_F(HooksTest, WhatCannotBeExecutedIsNamed) {
  add("readme", "", 0644);
  const auto failures = run();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_TRUE(failures[0].ends_with("is not executable")) << failures[0];
}

TEST_F(HooksTest, ThereMayBeNone) {
  const auto hooks = find_hooks(dir_ / "missing");
  ASSERT_TRUE(ok(hooks));
  EXPECT_TRUE(hooks->run.empty());
}

TEST(IntroductionTest, SurvivesTheWayToTheParent) {
  const PostStart told = {"28.5.2", "overlay2", "graph", {"hook a=b ended with 1", "another"}};
  const PostStart heard = parse_post_start(print_post_start(told));
  EXPECT_EQ(heard.engine, told.engine);
  EXPECT_EQ(heard.driver, told.driver);
  EXPECT_EQ(heard.store, told.store);
  EXPECT_EQ(heard.failures, told.failures);
  EXPECT_EQ(parse_post_start("").engine, ""); // of a child that died
}

} // namespace
} // namespace dind::supervise
