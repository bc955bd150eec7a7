#include <boot/options.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

using test::fails_saying;
using test::ok;
using Words = std::vector<std::string>;

struct RunCase {
  const char* name;
  Words arguments;
  Run run;
  bool default_listeners;
  Words passed; // dockerd's arguments, or what is run in its place
};

class RunTest : public testing::TestWithParam<RunCase> {};

TEST_P(RunTest, FollowsTheStockEntrypoint) {
  const RunCase& row = GetParam();
  const auto options = parse_options(row.arguments, {});
  ASSERT_TRUE(ok(options));
  EXPECT_EQ(options->run, row.run);
  if (row.run == Run::daemon) {
    EXPECT_EQ(options->invocation.default_listeners, row.default_listeners);
    EXPECT_EQ(options->invocation.arguments, row.passed);
  } else {
    EXPECT_EQ(options->argv, row.passed);
  }
}

const RunCase kRunCases[] = {
    {"Nothing", {}, Run::daemon, true, {}},
    {"FlagFirst", {"--debug", "-s", "vfs"}, Run::daemon, true, {"--debug", "-s", "vfs"}},
    {"DockerdInFull", {"dockerd"}, Run::daemon, false, {}},
    {"DockerdInFullWithFlags", {"dockerd", "-H", "fd://"}, Run::daemon, false, {"-H", "fd://"}},
    {"Version", {"--version"}, Run::daemon_direct, false, {"dockerd", "--version"}},
    {"VersionInFull", {"dockerd", "-v"}, Run::daemon_direct, false, {"dockerd", "-v"}},
    {"Validate",
     {"--validate", "--config-file=/c"},
     Run::daemon_direct,
     false,
     {"dockerd", "--validate", "--config-file=/c"}},
    {"BrokenCommandLine", {"--host"}, Run::daemon_direct, false, {"dockerd", "--host"}},
    {"Command", {"echo", "--version"}, Run::command, false, {"echo", "--version"}},
    {"DockerdByPathIsACommand", {"/usr/bin/dockerd"}, Run::command, false, {"/usr/bin/dockerd"}},
    {"EmptyWordIsACommand", {""}, Run::command, false, {""}},
};

INSTANTIATE_TEST_SUITE_P(Every, RunTest, testing::ValuesIn(kRunCases),
                         [](const auto& row) { return row.param.name; });

TEST(OptionsTest, HandTheEnvironmentAndTheFlagsOn) {
  const auto options = parse_options(Words{"-s", "vfs"}, Words{"A=1", "DIND_SEED=copy"});
  ASSERT_TRUE(ok(options));
  EXPECT_EQ(options->invocation.environment, (Words{"A=1", "DIND_SEED=copy"}));
  EXPECT_EQ(options->flags.storage_driver, "vfs");
  EXPECT_EQ(options->settings.seed, config::Strategy::copy);
}

TEST(OptionsTest, RefuseABadValueForDockerdOnly) {
  const Words environment = {"DIND_SEED=foo"};
  EXPECT_TRUE(fails_saying("DIND_SEED=foo", parse_options({}, environment)));
  EXPECT_TRUE(ok(parse_options(Words{"echo"}, environment)));
  EXPECT_TRUE(ok(parse_options(Words{"--help"}, environment)));
}

TEST(OptionsTest, CarryWarnings) {
  const auto options = parse_options({}, Words{"DIND_SEEDS=link"});
  ASSERT_TRUE(ok(options));
  EXPECT_EQ(options->warnings.size(), 1U);
}

} // namespace
} // namespace dind::boot
