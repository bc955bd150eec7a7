#include <config/variables.hpp>

#include <support/expect.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <fstream>
#include <map>

namespace dind::config {
namespace {

using test::fails_saying;
using test::ok;
using Words = std::vector<std::string>;

const std::string kHex(64, 'a');

TEST(SettingsTest, AreTheDefaultsInAnEmptyEnvironment) {
  const auto settings = read_settings({});
  ASSERT_TRUE(ok(settings));
  EXPECT_EQ(settings->cache_dirs, Words{"/var/lib/dind-cache"});
  EXPECT_FALSE(settings->cache_digest);
  EXPECT_EQ(settings->seed, Strategy::automatic);
  EXPECT_EQ(settings->on_seed_error, OnSeedError::go_on);
  EXPECT_EQ(settings->verify, Verify::quick);
  EXPECT_EQ(settings->store, Store::automatic);
  EXPECT_EQ(settings->required_driver, "");
  EXPECT_EQ(settings->preferred_driver, "");
  EXPECT_TRUE(settings->allowed_drivers.empty());
  EXPECT_EQ(settings->log_level, log::Level::info);
  EXPECT_EQ(settings->log_format, log::Format::logfmt);
}

TEST(SettingsTest, AreReadFromEveryVariable) {
  const auto settings = read_settings(
      Words{"DIND_CACHE_DIR=/a:/b", "DIND_CACHE_DIGEST=sha256:" + kHex, "DIND_SEED=hardlink",
            "DIND_SEED_ON_ERROR=fail", "DIND_VERIFY=full", "DIND_STORE=containerd",
            "DIND_STORAGE_DRIVER=fuse-overlayfs", "DIND_REQUIRE_DRIVER=overlay2,btrfs",
            "DOCKER_DRIVER=overlay2", "DIND_LOG_LEVEL=debug", "DIND_LOG_FORMAT=json",
            "DIND_SEED_JOBS=7", "DIND_SEED_BUDGET=30", "DIND_RESEED=no", "DIND_LOOP_SIZE=5g"});
  ASSERT_TRUE(ok(settings));
  EXPECT_EQ(settings->cache_dirs, (Words{"/a", "/b"}));
  EXPECT_EQ(settings->cache_digest->hex(), kHex);
  EXPECT_EQ(settings->seed, Strategy::hardlink);
  EXPECT_EQ(settings->on_seed_error, OnSeedError::fail);
  EXPECT_EQ(settings->verify, Verify::full);
  EXPECT_EQ(settings->store, Store::containerd);
  EXPECT_EQ(settings->required_driver, "fuse-overlayfs");
  EXPECT_EQ(settings->preferred_driver, "overlay2");
  EXPECT_EQ(settings->allowed_drivers, (Words{"overlay2", "btrfs"}));
  EXPECT_EQ(settings->log_level, log::Level::debug);
  EXPECT_EQ(settings->log_format, log::Format::json);
  EXPECT_EQ(settings->seed_jobs, 7U);
  EXPECT_EQ(settings->seed_budget, std::chrono::seconds(30));
  EXPECT_FALSE(settings->reseed);
  EXPECT_EQ(settings->loop_bytes, 5ULL << 30U);
}

TEST(SettingsTest, TakeEmptyForUnset) {
  const auto settings = read_settings(Words{"DIND_SEED=", "DIND_CACHE_DIR=", "DIND_STORAGE_DRIVER=",
                                            "DIND_REQUIRE_DRIVER=", "DIND_CACHE_DIGEST="});
  ASSERT_TRUE(ok(settings));
  EXPECT_EQ(settings->seed, Strategy::automatic);
  EXPECT_EQ(settings->cache_dirs, Words{"/var/lib/dind-cache"});
}

TEST(SettingsTest, TakeAnAutomaticDriverForNone) {
  const auto settings = read_settings(Words{"DIND_STORAGE_DRIVER=auto"});
  ASSERT_TRUE(ok(settings));
  EXPECT_EQ(settings->required_driver, "");
}

TEST(SettingsTest, RefuseBadValuesWithVariableValueAndWhatIsAllowed) {
  const std::pair<const char*, const char*> rows[] = {
      {"DIND_SEED=foo", "DIND_SEED=foo: not one of auto, link, reflink, hardlink, copy, load, off"},
      {"DIND_SEED=Link",
       "DIND_SEED=Link: not one of auto, link, reflink, hardlink, copy, load, off"},
      {"DIND_SEED_ON_ERROR=no", "DIND_SEED_ON_ERROR=no: not one of continue, fail"},
      {"DIND_VERIFY=1", "DIND_VERIFY=1: not one of quick, full"},
      {"DIND_STORE=c8d", "DIND_STORE=c8d: not one of auto, graph, containerd"},
      {"DIND_LOG_LEVEL=warning", "DIND_LOG_LEVEL=warning: not one of debug, info, warn, error"},
      {"DIND_LOG_FORMAT=text", "DIND_LOG_FORMAT=text: not one of logfmt, json"},
      {"DIND_SEED_JOBS=0", "DIND_SEED_JOBS=0: not a whole number from 1 to 256"},
      {"DIND_SEED_JOBS=two", "DIND_SEED_JOBS=two: not a whole number from 1 to 256"},
      {"DIND_SEED_BUDGET=-1", "DIND_SEED_BUDGET=-1: not a whole number from 0 to 604800"},
      {"DIND_RESEED=maybe", "DIND_RESEED=maybe: not one of 1, 0, true, false, yes, no"},
      {"DIND_LOOP_SIZE=big", "DIND_LOOP_SIZE=big: not \"auto\", 0, or a size such as 20g"},
      {"DIND_CACHE_DIR=cache", "DIND_CACHE_DIR=cache: not absolute paths, separated by \":\""},
      {"DIND_CACHE_DIR=:", "DIND_CACHE_DIR=:: not absolute paths, separated by \":\""},
      {"DIND_CACHE_DIGEST=abc", "DIND_CACHE_DIGEST=abc: not sha256: and 64 lower-case hex digits"},
      {"DIND_STORAGE_DRIVER=../x",
       "DIND_STORAGE_DRIVER=../x: not the name of a storage driver, such as overlay2 or vfs"},
      {"DIND_REQUIRE_DRIVER=,",
       "DIND_REQUIRE_DRIVER=,: not a list of storage drivers, separated by \",\""},
  };
  for (const auto& [entry, expected] : rows) {
    const auto settings = read_settings(Words{entry});
    ASSERT_FALSE(settings) << entry;
    EXPECT_EQ(settings.error().describe(), expected);
  }
}

TEST(JudgeTest, SuggestsWhatAMisspeltVariableMayMean) {
  const auto warnings = judge_variables(Words{"DIND_SEDE=link", "DIND_CACHE_DIRS=/a"});
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_EQ(warnings[0], "DIND_SEDE is not a setting of dind-init: is DIND_SEED meant?");
  EXPECT_EQ(warnings[1], "DIND_CACHE_DIRS is not a setting of dind-init: is DIND_CACHE_DIR meant?");
}

TEST(JudgeTest, LeavesGoodForeignAndUnrelatedVariablesAlone) {
  EXPECT_TRUE(
      judge_variables(Words{"DIND_SEED=link", "DIND_COMMIT=1f2e", "DIND_PORT=tcp://1:2",
                            "DIND_PORT_2375_TCP=x", "DIND_SERVICE_HOST=h",
                            "DIND_CACHE_SERVICE_HOST=h", "DIND_CACHE_PORT=1",
                            "DIND_ENTIRELY_DIFFERENT=1", "DIND_SEDE=", "SEED=1", "DIND_BROKEN"})
          .empty());
}

TEST(EngineSettingsTest, AreReadFromEveryVariable) {
  const Words environment = {
      "DIND_ACTIVATE=late",
      "DIND_TLS_KEY=rsa4096",
      "DIND_TCP_BIND=127.0.0.1",
      "DIND_REGISTRY_MIRRORS=https://a, http://b:5000",
      "DIND_INSECURE_REGISTRIES=registry:5000,10.0.0.0/8",
      "DIND_DNS=1.1.1.1 fd00::53",
      "DIND_BIP=172.30.0.1/16",
      "DIND_DEFAULT_ADDRESS_POOLS=base=10.1.0.0/16,size=24;base=10.2.0.0/16,size=28",
      "DIND_MTU=1400",
      "DIND_FIREWALL_BACKEND=nftables"};
  const auto read = read_settings(environment);
  ASSERT_TRUE(ok(read));
  const EngineSettings* settings = &read->engine;
  EXPECT_EQ(settings->activate, Activate::late);
  EXPECT_EQ(settings->tls_key, TlsKey::rsa4096);
  EXPECT_EQ(settings->firewall_backend, FirewallBackend::nftables);
  EXPECT_EQ(settings->tcp_bind, "127.0.0.1");
  EXPECT_EQ(settings->registry_mirrors, (Words{"https://a", "http://b:5000"}));
  EXPECT_EQ(settings->insecure_registries, (Words{"registry:5000", "10.0.0.0/8"}));
  EXPECT_EQ(settings->dns, (Words{"1.1.1.1", "fd00::53"}));
  EXPECT_EQ(settings->bip, "172.30.0.1/16");
  EXPECT_EQ(settings->address_pools,
            (std::vector<AddressPool>{{"10.1.0.0/16", 24}, {"10.2.0.0/16", 28}}));
  EXPECT_EQ(settings->mtu, 1400U);
}

TEST(SupervisionSettingsTest, AreReadFromEveryVariable) {
  const Words environment = {"DIND_STOP_TIMEOUT=20",
                             "DIND_DRAIN=600",
                             "DIND_DRAIN_IGNORE=ci.helper=1",
                             "DIND_EXIT_WITH=file:/shared/done",
                             "DIND_RESTART=on-failure:3",
                             "DIND_SIGNAL_REWRITE=TERM:QUIT,SIGHUP:0",
                             "DIND_EXIT_REMAP=143,137",
                             "DIND_READY_FILE=/shared/ready",
                             "DIND_METRICS_FILE=/metrics/dind.prom",
                             "DIND_HOOK_ON_ERROR=fail",
                             "DIND_NOFILE=1024:524288"};
  const auto read = read_settings(environment);
  ASSERT_TRUE(ok(read));
  const SupervisionSettings* settings = &read->supervision;
  EXPECT_EQ(settings->stop_timeout, std::chrono::seconds(20));
  EXPECT_EQ(settings->drain, std::chrono::seconds(600));
  EXPECT_EQ(settings->drain_ignore, "ci.helper=1");
  EXPECT_EQ(settings->exit_with, (ExitWith{.on = ExitOn::file, .path = "/shared/done"}));
  EXPECT_EQ(settings->restart, (Restart{.on_failure = true, .most = 3}));
  EXPECT_EQ(settings->signal_rewrite,
            (std::vector<std::pair<int, int>>{{SIGTERM, SIGQUIT}, {SIGHUP, 0}}));
  EXPECT_EQ(settings->exit_remap, (std::vector<int>{143, 137}));
  EXPECT_EQ(settings->ready_file, "/shared/ready");
  EXPECT_EQ(settings->metrics_file, "/metrics/dind.prom");
  EXPECT_EQ(settings->on_hook_error, OnHookError::fail);
  EXPECT_EQ(settings->nofile, (FileLimit{1024, 524288}));
}

TEST(SupervisionSettingsTest, KnowEveryFormOfAValue) {
  const auto read = [](const std::string& entry) {
    return read_settings(Words{entry}).value().supervision;
  };
  EXPECT_EQ(read("DIND_EXIT_WITH=main").exit_with, ExitWith{.on = ExitOn::main});
  EXPECT_EQ(read("DIND_EXIT_WITH=idle:90").exit_with,
            (ExitWith{.on = ExitOn::idle, .idle = std::chrono::seconds(90)}));
  EXPECT_EQ(read("DIND_RESTART=no").restart, Restart{});
  EXPECT_EQ(read("DIND_RESTART=on-failure").restart, Restart{.on_failure = true});
  EXPECT_EQ(read("DIND_NOFILE=65536").nofile, (FileLimit{65536, 65536}));
}

// One bad value for each variable there is, but those whose every value is good.
const std::map<std::string, std::string> kBad = {
    {"DIND_ACTIVATE", "soon"},
    {"DIND_BIP", "172.30.0.1"},
    {"DIND_CACHE_DIGEST", "abc"},
    {"DIND_CACHE_DIR", "cache"},
    {"DIND_CGROUPNS", "private"},
    {"DIND_DEFAULT_ADDRESS_POOLS", "10.0.0.0/8"},
    {"DIND_DNS", "dns.example"},
    {"DIND_DRAIN", "5m"},
    {"DIND_EXIT_REMAP", "256"},
    {"DIND_EXIT_WITH", "file:done"},
    {"DIND_FIREWALL_BACKEND", "ufw"},
    {"DIND_HOOK_ON_ERROR", "ignore"},
    {"DIND_INSECURE_REGISTRIES", "http://registry"},
    {"DIND_LOG_FORMAT", "text"},
    {"DIND_LOG_LEVEL", "trace"},
    {"DIND_LOOP_SIZE", "big"},
    {"DIND_METRICS_FILE", "metrics.prom"},
    {"DIND_MTU", "67"},
    {"DIND_NOFILE", "0"},
    {"DIND_PROMOTE", "maybe"},
    {"DIND_READY_FILE", "/shared/"},
    {"DIND_REGISTRY", "on"},
    {"DIND_REGISTRY_MIRRORS", "mirror.example"},
    {"DIND_REQUIRE_DRIVER", ","},
    {"DIND_RESEED", "maybe"},
    {"DIND_RESTART", "always"},
    {"DIND_SEED", "borrow"},
    {"DIND_SEED_BUDGET", "-1"},
    {"DIND_SEED_JOBS", "0"},
    {"DIND_SEED_ON_ERROR", "stop"},
    {"DIND_SIGNAL_REWRITE", "KILL:TERM"},
    {"DIND_STOP_TIMEOUT", "10s"},
    {"DIND_STORAGE_DRIVER", "../x"},
    {"DIND_STORE", "c8d"},
    {"DIND_TCP_BIND", "localhost"},
    {"DIND_TLS_KEY", "ed25519"},
    {"DIND_VERIFY", "1"},
};

TEST(EveryVariableTest, RefusesABadValueInOneLineThatTeaches) {
  for (const Variable& variable : variables()) {
    const std::string name(variable.name);
    if (name == "DIND_DRAIN_IGNORE" || name == "DOCKER_DRIVER") { // any text is a label, or a name
      continue;
    }
    ASSERT_TRUE(kBad.contains(name)) << name;
    const std::string entry = name + "=" + kBad.at(name);
    const auto settings = read_settings(Words{entry});
    ASSERT_FALSE(settings) << entry;
    const std::string line = settings.error().describe();
    EXPECT_TRUE(line.starts_with(entry + ": not ")) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(settings.error().code(), 0) << line;
  }
}

// A row of docker/REFERENCE.md's tables: the names in its first cell, and the second cell.
struct Row {
  Words names;
  std::string by_default;
};

Words quoted_in(const std::string& cell) {
  Words words;
  for (std::size_t from = cell.find('`'); from != std::string::npos;) {
    const std::size_t to = cell.find('`', from + 1);
    words.push_back(cell.substr(from + 1, to - from - 1));
    from = cell.find('`', to + 1);
  }
  return words;
}

std::vector<Row> settings_in_reference() {
  std::ifstream reference(DIND_SOURCE_DIR "/docker/REFERENCE.md");
  std::vector<Row> rows;
  for (std::string line; std::getline(reference, line);) {
    const std::size_t first = line.find(" | ");
    const std::size_t second = line.find(" | ", first + 1);
    if (!line.starts_with("| `D") || second == std::string::npos) {
      continue;
    }
    rows.push_back({quoted_in(line.substr(0, first)), line.substr(first + 3, second - first - 3)});
  }
  return rows;
}

TEST(ReferenceTest, HasEveryVariableWithItsDefaultAndNoOther) {
  std::map<std::string, std::string> told;
  for (const Row& row : settings_in_reference()) {
    for (const std::string& name : row.names) {
      EXPECT_TRUE(told.emplace(name, row.by_default).second) << name << " stands there twice";
    }
  }
  for (const Variable& variable : variables()) {
    const auto row = told.extract(std::string(variable.name));
    ASSERT_FALSE(row.empty()) << variable.name << " is not in docker/REFERENCE.md";
    if (variable.by_default.empty()) {
      EXPECT_EQ(row.mapped().find('`'), std::string::npos) << variable.name << ": " << row.mapped();
    } else {
      EXPECT_EQ(row.mapped(), fmt::format("`{}`", variable.by_default)) << variable.name;
    }
  }
  for (const auto& [name, by_default] : told) {
    ADD_FAILURE() << name << " is in docker/REFERENCE.md, and not read";
  }
}

TEST(EveryVariableTest, HasTheDefaultThatTheTableTells) {
  for (const Variable& variable : variables()) {
    if (variable.by_default.empty()) {
      continue;
    }
    const auto settings =
        read_settings(Words{fmt::format("{}={}", variable.name, variable.by_default)});
    ASSERT_TRUE(ok(settings));
    EXPECT_EQ(*settings, Settings()) << variable.name;
  }
}

TEST(SettingsTest, AreNamedWithoutTheirPasswords) {
  const std::vector<std::string> environment = {
      "DIND_REGISTRY_MIRRORS=https://user:hunter2@mirror.example"};
  EXPECT_TRUE(fails_saying("DIND_REGISTRY_MIRRORS=https://user:***@mirror.example: not URLs",
                           read_settings(environment)));
}

} // namespace
} // namespace dind::config
