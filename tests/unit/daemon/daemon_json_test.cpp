#include <daemon/daemon_json.hpp>

#include <support/expect.hpp>
#include <support/json_text.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace dind::daemon {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;
using test::text_of;
using Words = std::vector<std::string>;

json::object settings(std::string_view text) {
  return parse_daemon_json(text).value();
}

struct MergeCase {
  const char* name;
  const char* file;
  Words arguments;
  EngineChoice choice;
  const char* expected; // the effective file
  bool differs;
  Words added = {};
};

class MergeTest : public testing::TestWithParam<MergeCase> {};

TEST_P(MergeTest, AddsOursAndKeepsTheirs) {
  const MergeCase& row = GetParam();
  const auto merged =
      merge(settings(row.file), parse_command_line(row.arguments), row.choice, Hosts::take);
  ASSERT_TRUE(ok(merged));
  EXPECT_EQ(text_of(merged->settings), row.expected);
  EXPECT_EQ(merged->differs, row.differs);
  EXPECT_EQ(merged->arguments, row.added);
}

const EngineChoice kOverlay = {"overlay2", std::nullopt, {}};
const EngineChoice kGraph = {"overlay2", false, {}};

const MergeCase kMergeCases[] = {
    {"NothingWanted", R"({"debug":true})", {}, {}, R"({"debug":true})", false},
    {"Driver", "", {}, kOverlay, R"({"storage-driver":"overlay2"})", true},
    {"DriverAndStore",
     "{}",
     {},
     kGraph,
     R"({"storage-driver":"overlay2","features":{"containerd-snapshotter":false}})",
     true},
    {"KeepsOrderAndNumbers",
     R"({"mtu":1400,"debug":true,"max-concurrent-downloads":3})",
     {},
     kOverlay,
     R"({"mtu":1400,"debug":true,"max-concurrent-downloads":3,"storage-driver":"overlay2"})",
     true},
    {"FeaturesKeyByKey",
     R"({"features":{"buildkit":true}})",
     {},
     {"", false, {}},
     R"({"features":{"buildkit":true,"containerd-snapshotter":false}})",
     true},
    {"FeatureThereAlready",
     R"({"features":{"containerd-snapshotter":false}})",
     {},
     {"", false, {}},
     R"({"features":{"containerd-snapshotter":false}})",
     false},
    {"NullIsUnset",
     R"({"storage-driver":null,"features":null})",
     {},
     kGraph,
     R"({"storage-driver":"overlay2","features":{"containerd-snapshotter":false}})",
     true},
    {"SameDriverThereAlready",
     R"({"storage-driver":"overlay2"})",
     {},
     kOverlay,
     R"({"storage-driver":"overlay2"})",
     false},
    {"DriverGivenAsFlag", "{}", {"-s", "overlay2"}, kOverlay, "{}", false},
    {"FeatureGivenAsFlag",
     "{}",
     {"--feature=containerd-snapshotter=false"},
     {"", false, {}},
     "{}",
     false},
    {"OtherFeatureGivenAsFlag",
     "{}",
     {"--feature", "cdi"},
     {"", false, {}},
     "{}",
     false,
     {"--feature=containerd-snapshotter=false"}},
    {"HostsBecomeArguments",
     R"({"hosts":["tcp://1.2.3.4:5","fd://"],"debug":true})",
     {},
     {},
     R"({"debug":true})",
     true,
     {}},
};

INSTANTIATE_TEST_SUITE_P(Every, MergeTest, testing::ValuesIn(kMergeCases),
                         [](const auto& row) { return row.param.name; });

struct Contradiction {
  const char* name;
  const char* file;
  Words arguments;
  const char* words;
};

class ContradictionTest : public testing::TestWithParam<Contradiction> {};

TEST_P(ContradictionTest, IsAnErrorThatNamesBothSides) {
  const auto merged = merge(settings(GetParam().file), parse_command_line(GetParam().arguments),
                            kGraph, Hosts::take);
  EXPECT_TRUE(fails_saying(GetParam().words, merged));
}

const Contradiction kContradictions[] = {
    {"OtherDriverInFile",
     R"({"storage-driver":"vfs"})",
     {},
     R"("storage-driver" of daemon.json is vfs, but this host needs overlay2)"},
    {"OtherDriverAsFlag", "{}", {"-svfs"}, "--storage-driver is vfs, but this host needs overlay2"},
    {"OtherStore", R"({"features":{"containerd-snapshotter":true}})", {}, "is true by daemon.json"},
    {"OtherStoreAsFlag", "{}", {"--feature=containerd-snapshotter"}, "is true by --feature"},
    {"DriverTwice",
     R"({"storage-driver":"overlay2"})",
     {"-soverlay2"},
     R"(--storage-driver is given as an option, and "storage-driver" is in daemon.json)"},
    {"HostTwice", R"({"hosts":[]})", {"-Hfd://"}, R"("hosts" is in daemon.json)"},
    {"ListTwice", R"({"exec-opts":["a=b"]})", {"--exec-opt", "c=d"}, R"("exec-opts")"},
    {"RegistriesTwice",
     R"({"insecure-registries":[]})",
     {"--insecure-registry", "x"},
     R"("insecure-registries")"},
    {"DriverOfWrongType", R"({"storage-driver":1})", {}, R"("storage-driver" is not a string)"},
    {"FeaturesOfWrongType", R"({"features":[]})", {}, R"("features" is not an object)"},
    {"FeatureOfWrongType",
     R"({"features":{"containerd-snapshotter":"no"}})",
     {},
     R"("containerd-snapshotter" of "features" is not true or false)"},
};

INSTANTIATE_TEST_SUITE_P(Every, ContradictionTest, testing::ValuesIn(kContradictions),
                         [](const auto& row) { return row.param.name; });

TEST(MergeTest, LaysSettingsUnderTheUsers) {
  EngineChoice choice;
  choice.settings = settings(R"({"mtu":1400,"dns":["1.1.1.1"],"bip":"10.0.0.1/24",
      "default-network-opts":{"bridge":{"com.docker.network.driver.mtu":"1400"}}})");
  const auto merged =
      merge(settings(R"({"dns":["8.8.8.8"],"default-network-opts":{"bridge":{"other":"1"}}})"),
            parse_command_line(Words{"--bip=10.9.0.1/24"}), choice, Hosts::keep);
  ASSERT_TRUE(ok(merged));
  EXPECT_EQ(text_of(merged->settings),
            R"({"dns":["8.8.8.8"],"default-network-opts":{"bridge":{"other":"1",)"
            R"("com.docker.network.driver.mtu":"1400"}},"mtu":1400})");
  EXPECT_TRUE(merged->differs);
  EXPECT_EQ(merged->kept, (Words{"dns", "bip"}));
}

TEST(MergeTest, LeavesOutTheMigrationOfSeededLayers) {
  const auto file = settings(R"({"features":{"containerd-migration":true,"other":true}})");
  const auto as_it_is = merge(file, {}, {}, Hosts::keep);
  ASSERT_TRUE(ok(as_it_is));
  EXPECT_FALSE(as_it_is->migration_left_out);
  EXPECT_EQ(as_it_is->settings, file);
  const EngineChoice choice{.seeded_graph_layers = true};
  const auto merged = merge(file, {}, choice, Hosts::keep);
  ASSERT_TRUE(ok(merged));
  EXPECT_TRUE(merged->migration_left_out);
  EXPECT_TRUE(merged->differs);
  EXPECT_EQ(text_of(merged->settings),
            R"({"features":{"containerd-migration":false,"other":true}})");
  const auto flagged =
      merge({}, parse_command_line(Words{"--feature=containerd-migration"}), choice, Hosts::keep);
  ASSERT_TRUE(ok(flagged));
  EXPECT_TRUE(flagged->migration_left_out);
  EXPECT_EQ(flagged->arguments, Words{"--feature=containerd-migration=false"});
  const auto unasked = merge({}, {}, choice, Hosts::keep);
  ASSERT_TRUE(ok(unasked));
  EXPECT_FALSE(unasked->migration_left_out);
}

TEST(MergeTest, LetsRuntimesStandInBothPlaces) {
  const auto merged = merge(settings(R"({"runtimes":{"a":{"path":"/a"}}})"),
                            parse_command_line(Words{"--add-runtime", "b=/b"}), {}, Hosts::keep);
  EXPECT_TRUE(ok(merged));
}

TEST(MergeTest, KeepsHostsWhereDockerdWasWrittenInFull) {
  const auto merged = merge(settings(R"({"hosts":["fd://"]})"), {}, {}, Hosts::keep);
  ASSERT_TRUE(ok(merged));
  EXPECT_FALSE(merged->differs);
  EXPECT_TRUE(merged->arguments.empty());
}

TEST(CompleteSettingsTest, TakesDataRootDriverAndStoreFromTheFile) {
  const auto completed = complete_settings(
      {}, {},
      settings(
          R"({"data-root":"/d","storage-driver":"vfs","features":{"containerd-snapshotter":true}})"));
  ASSERT_TRUE(ok(completed));
  EXPECT_EQ(completed->data_root, "/d");
  EXPECT_EQ(completed->required_driver, "vfs");
  EXPECT_EQ(completed->store, config::Store::containerd);
}

TEST(CompleteSettingsTest, TakesThemFromFlags) {
  const auto completed = complete_settings(
      {},
      parse_command_line(Words{"--data-root=/e", "-sbtrfs", "--feature=containerd-snapshotter=0"}),
      {});
  ASSERT_TRUE(ok(completed));
  EXPECT_EQ(completed->data_root, "/e");
  EXPECT_EQ(completed->required_driver, "btrfs");
  EXPECT_EQ(completed->store, config::Store::graph);
}

TEST(CompleteSettingsTest, KeepsTheDefaultsWhereNothingIsSaid) {
  const auto completed = complete_settings({}, {}, settings(R"({"storage-driver":null})"));
  ASSERT_TRUE(ok(completed));
  EXPECT_EQ(completed->data_root, "/var/lib/docker");
  EXPECT_EQ(completed->required_driver, "");
  EXPECT_EQ(completed->store, config::Store::automatic);
}

TEST(CompleteSettingsTest, KnowsTheOldNameOfTheDataRoot) {
  const auto completed = complete_settings({}, {}, settings(R"({"graph":"/g"})"));
  ASSERT_TRUE(ok(completed));
  EXPECT_EQ(completed->data_root, "/g");
}

TEST(CompleteSettingsTest, SeesThatUserIdsAreShifted) {
  const auto in_file = complete_settings({}, {}, settings(R"({"userns-remap":"default"})"));
  ASSERT_TRUE(ok(in_file));
  EXPECT_EQ(in_file->userns_remap, "default");
  const auto by_flag =
      complete_settings({}, parse_command_line(Words{"--userns-remap", "default"}), settings("{}"));
  ASSERT_TRUE(ok(by_flag));
  EXPECT_EQ(by_flag->userns_remap, "default");
  EXPECT_EQ(complete_settings({}, {}, settings("{}"))->userns_remap, "");
}

TEST(CompleteSettingsTest, ReportsAContradictionToTheEnvironment) {
  config::Settings driver;
  driver.required_driver = "overlay2";
  EXPECT_TRUE(fails_saying("DIND_STORAGE_DRIVER=overlay2 contradicts",
                           complete_settings(driver, {}, settings(R"({"storage-driver":"vfs"})"))));
  config::Settings store;
  store.store = config::Store::graph;
  EXPECT_TRUE(fails_saying(
      "DIND_STORE=graph contradicts daemon.json",
      complete_settings(store, {}, settings(R"({"features":{"containerd-snapshotter":true}})"))));
}

TEST(CompleteSettingsTest, ReportsAnOptionSaidTwice) {
  EXPECT_TRUE(fails_saying("does not start with both",
                           complete_settings({}, parse_command_line(Words{"--data-root=/d"}),
                                             settings(R"({"data-root":"/d"})"))));
}

TEST(CompleteSettingsTest, ReportsAnOptionSaidTwiceBelowTheTopLevel) {
  const auto flags = parse_command_line(Words{"--http-proxy=http://a"});
  EXPECT_TRUE(fails_saying(
      "--http-proxy is given as an option, and \"http-proxy\" of \"proxies\"",
      complete_settings({}, flags, settings(R"({"proxies":{"http-proxy":"http://b"}})"))));
  EXPECT_TRUE(ok(complete_settings({}, flags, settings(R"({"proxies":{"http-proxy":null}})"))));
  EXPECT_TRUE(ok(complete_settings({}, flags, settings(R"({"log-opts":{"http-proxy":"x"}})"))));
}

TEST(DaemonFileTest, MayBeMissingOnlyAsTheDefault) {
  const test::TempDir etc;
  CommandLine flags;
  flags.config_file = (etc / "none.json").native();
  EXPECT_TRUE(fails_with(ENOENT, read_daemon_file(flags)));
}

TEST(DaemonFileTest, ReadsOverAByteOrderMarkAndEmptiness) {
  const test::TempDir etc;
  CommandLine flags;
  flags.config_file = etc.write("bom.json", "\xef\xbb\xbf{\"debug\":true}").native();
  const auto file = read_daemon_file(flags);
  ASSERT_TRUE(ok(file));
  EXPECT_TRUE(file->exists);
  EXPECT_EQ(text_of(file->settings), R"({"debug":true})");

  for (const std::string& content : {std::string(" \n"), std::string("null\n")}) {
    flags.config_file = etc.write("empty.json", content).native();
    const auto empty = read_daemon_file(flags);
    ASSERT_TRUE(ok(empty));
    EXPECT_TRUE(empty->exists);
    EXPECT_TRUE(empty->settings.empty());
  }
}

TEST(DaemonFileTest, ReadsUtf16WithAByteOrderMark) {
  const test::TempDir etc;
  CommandLine flags;
  std::string little = "\xff\xfe";
  std::string big = "\xfe\xff";
  for (const char c : std::string_view(R"({"debug":true})")) {
    little += {c, '\0'};
    big += {'\0', c};
  }
  for (const std::string& content : {little, big}) {
    flags.config_file = etc.write("utf16.json", content).native();
    const auto file = read_daemon_file(flags);
    ASSERT_TRUE(ok(file));
    EXPECT_EQ(text_of(file->settings), R"({"debug":true})");
  }
}

TEST(DaemonFileTest, DoesNotWaitForAWriterOfAFifo) {
  const test::TempDir etc;
  CommandLine flags;
  flags.config_file = (etc.path() / "daemon.json").native();
  ASSERT_EQ(::mkfifo(flags.config_file->c_str(), 0600), 0);
  EXPECT_TRUE(fails_saying("daemon.json is a fifo", read_daemon_file(flags)));
}

TEST(DaemonFileTest, SaysWhereADirectoryInItsPlaceComesFrom) {
  const test::TempDir etc;
  CommandLine flags;
  flags.config_file = etc.make_dir("daemon.json").native();
  EXPECT_TRUE(fails_saying("is a directory: a bind mount", read_daemon_file(flags)));
}

TEST(DaemonFileTest, NamesFileAndPositionOfBadJson) {
  const test::TempDir etc;
  CommandLine flags;
  flags.config_file = etc.write("bad.json", "{\n  \"debug\": true,\n}").native();
  const auto file = read_daemon_file(flags);
  EXPECT_TRUE(fails_saying("bad.json: line 3, column 1", file));
  flags.config_file = etc.write("list.json", "[]").native();
  EXPECT_TRUE(fails_saying("list.json: not a JSON object", read_daemon_file(flags)));
}

// dockerd asks mirrors in the order of the list.
TEST(FirstMirrorTest, ComesBeforeTheUsers) {
  const EngineChoice choice{.settings = settings(R"({"registry-mirrors":["https://v"]})"),
                            .first_mirror = "http://ours"};
  const auto mirrors = [&](std::string_view file, const EngineChoice& wanted) {
    const auto merged = merge(settings(file), {}, wanted, Hosts::take);
    return merged ? text_of(merged->settings) : merged.error().describe();
  };
  EXPECT_EQ(mirrors("", {.first_mirror = "http://ours"}),
            R"({"registry-mirrors":["http://ours"]})");
  EXPECT_EQ(mirrors("", choice), R"({"registry-mirrors":["http://ours","https://v"]})");
  EXPECT_EQ(mirrors(R"({"registry-mirrors":["https://a","http://ours"]})", choice),
            R"({"registry-mirrors":["http://ours","https://a"]})");
  EXPECT_EQ(mirrors(R"({"registry-mirrors":null})", {.first_mirror = "http://ours"}),
            R"({"registry-mirrors":["http://ours"]})");
  EXPECT_EQ(mirrors(R"({"registry-mirrors":"x"})", {.first_mirror = "http://ours"}),
            R"({"registry-mirrors":"x"})")
      << "dockerd says what is wrong with it";
}

TEST(FirstMirrorTest, IsAnOptionBesideTheUsersOptions) {
  const auto flags = parse_command_line(Words{"--registry-mirror=https://a"});
  const auto merged = merge({}, flags, {.first_mirror = "http://ours"}, Hosts::take);
  ASSERT_TRUE(ok(merged));
  EXPECT_EQ(merged->leading, Words{"--registry-mirror=http://ours"});
  EXPECT_FALSE(merged->differs);
}

} // namespace
} // namespace dind::daemon
