#include <daemon/argv.hpp>

#include <gtest/gtest.h>

#include <array>

namespace dind::daemon {
namespace {

using Words = std::vector<std::string>;

struct DriverCase {
  const char* name;
  Words arguments;
  std::optional<std::string> driver;
};

class DriverFlagTest : public testing::TestWithParam<DriverCase> {};

TEST_P(DriverFlagTest, IsReadAsDockerdReadsIt) {
  EXPECT_EQ(parse_command_line(GetParam().arguments).storage_driver, GetParam().driver);
}

const DriverCase kDriverCases[] = {
    {"Absent", {}, std::nullopt},
    {"LongWithEquals", {"--storage-driver=vfs"}, "vfs"},
    {"LongWithSpace", {"--storage-driver", "vfs"}, "vfs"},
    {"LongWithValueThatLooksLikeAnOption", {"--storage-driver", "-x"}, "-x"},
    {"ShortJoined", {"-svfs"}, "vfs"},
    {"ShortWithSpace", {"-s", "vfs"}, "vfs"},
    {"ShortWithEquals", {"-s=vfs"}, "vfs"},
    {"BehindABooleanInACluster", {"-Ds", "vfs"}, "vfs"},
    {"BehindABooleanInAClusterJoined", {"-Dsvfs"}, "vfs"},
    {"LastOneCounts", {"-s", "vfs", "--storage-driver=btrfs"}, "btrfs"},
    {"BehindTheEndOfOptions", {"--", "-s", "vfs"}, std::nullopt},
    {"AsTheValueOfAnother", {"--data-root", "-svfs"}, std::nullopt},
    {"AsTheValueOfAnotherShort", {"-H", "-svfs"}, std::nullopt},
    {"BehindABoolean", {"--debug", "-s", "vfs"}, "vfs"},
    {"BehindAnOptionWithAValue", {"--bip", "10.0.0.1/24", "-s", "vfs"}, "vfs"},
    {"BehindANegativeNumber", {"--oom-score-adjust", "-500", "-s", "vfs"}, "vfs"},
    {"BehindAnUnknownBoolean", {"--from-the-future", "-s", "vfs"}, "vfs"},
    {"BehindAnUnknownShort", {"-z", "-s", "vfs"}, "vfs"},
    {"Empty", {"--storage-driver="}, ""},
};

INSTANTIATE_TEST_SUITE_P(Every, DriverFlagTest, testing::ValuesIn(kDriverCases),
                         [](const auto& row) { return row.param.name; });

TEST(CommandLineTest, ReadsEveryOptionItKnows) {
  const Words arguments = {"--config-file",  "/c.json",      "--data-root=/d",
                           "--exec-root",    "/e",           "-p",
                           "/p.pid",         "--host=fd://", "-H",
                           "unix:///x.sock", "-Htcp://:1",   "--storage-opt",
                           "size=1G",        "--feature=a",  "--feature",
                           "b=false"};
  const CommandLine line = parse_command_line(arguments);
  EXPECT_EQ(line.config_file, "/c.json");
  EXPECT_EQ(line.data_root, "/d");
  EXPECT_EQ(line.exec_root, "/e");
  EXPECT_EQ(line.pid_file, "/p.pid");
  EXPECT_EQ(line.hosts, (Words{"fd://", "unix:///x.sock", "tcp://:1"}));
  EXPECT_EQ(line.storage_options, Words{"size=1G"});
  EXPECT_EQ(line.features, (Words{"a", "b=false"}));
  EXPECT_EQ(line.given, (Words{"config-file", "data-root", "exec-root", "pidfile", "host",
                               "storage-opt", "feature"}));
  EXPECT_FALSE(line.answers_at_once);
  EXPECT_FALSE(line.is_broken);
}

TEST(CommandLineTest, KnowsTheOldNamesOfTheDataRoot) {
  EXPECT_EQ(parse_command_line(Words{"-g", "/a"}).data_root, "/a");
  EXPECT_EQ(parse_command_line(Words{"--graph=/b"}).data_root, "/b");
}

TEST(CommandLineTest, ReadsFeaturesAsGoReadsBooleans) {
  const CommandLine line = parse_command_line(
      Words{"--feature=on", "--feature", "off=F", "--feature=odd=2", "--feature=on2=TRUE"});
  EXPECT_EQ(line.feature("on"), true);
  EXPECT_EQ(line.feature("off"), false);
  EXPECT_EQ(line.feature("odd"), std::nullopt);
  EXPECT_EQ(line.feature("on2"), true);
  EXPECT_EQ(line.feature("missing"), std::nullopt);
}

TEST(CommandLineTest, KnowsWhatEndsAtOnce) {
  for (const Words& arguments : {Words{"--version"}, Words{"-v"}, Words{"--help"}, Words{"-h"},
                                 Words{"-Dv"}, Words{"--validate", "--debug"}}) {
    EXPECT_TRUE(parse_command_line(arguments).answers_at_once) << arguments[0];
  }
  EXPECT_FALSE(parse_command_line(Words{"--validate=false"}).answers_at_once);
  EXPECT_FALSE(parse_command_line(Words{"-H", "--version"}).answers_at_once);
}

TEST(CommandLineTest, IsBrokenWithoutTheValueOfALastOption) {
  EXPECT_TRUE(parse_command_line(Words{"--storage-driver"}).is_broken);
  EXPECT_TRUE(parse_command_line(Words{"-DH"}).is_broken);
  EXPECT_FALSE(parse_command_line(Words{"--from-the-future"}).is_broken);
  EXPECT_FALSE(parse_command_line(Words{"-D"}).is_broken);
}

TEST(CommandLineTest, CountsTheArgumentsBeforeTheEndOfOptions) {
  EXPECT_EQ(parse_command_line(Words{"-D", "--", "x"}).options_end, 1U);
  EXPECT_EQ(parse_command_line(Words{"-D", "-H", "--"}).options_end, 3U);
}

TEST(WithoutOptionsTest, LeavesOutOptionsWithTheirValuesAndNothingElse) {
  constexpr std::array<std::string_view, 2> kOut = {"host", "pidfile"};
  const auto rest = [&](const Words& arguments) { return without_options(arguments, kOut); };
  EXPECT_EQ(
      rest({"-H", "unix:///a", "--debug", "--host=tcp://:1", "--host", "fd://", "--mtu", "9"}),
      (Words{"--debug", "--mtu", "9"}));
  EXPECT_EQ(rest({"-p", "/x", "-p/y", "--pidfile=/z"}), Words{});
  EXPECT_EQ(rest({"-DHunix:///a", "-DH", "fd://", "-Dl", "warn"}),
            (Words{"--debug=true", "--debug=true", "-Dl", "warn"}));
  EXPECT_EQ(rest({"--mtu", "-H", "x"}), (Words{"--mtu"})) << "-H is an option of its own";
  EXPECT_EQ(rest({"--debug", "--", "-H"}), Words{"--debug"});
}

TEST(CommandLineTest, TellsHowTheFirewallIsToBeKept) {
  EXPECT_FALSE(parse_command_line({}).iptables);
  const CommandLine line = parse_command_line(std::vector<std::string>{
      "--iptables=false", "--ip6tables", "--firewall-backend", "nftables"});
  EXPECT_EQ(line.iptables, false);
  EXPECT_EQ(line.ip6tables, true);
  EXPECT_EQ(line.firewall_backend, "nftables");
}

} // namespace
} // namespace dind::daemon
