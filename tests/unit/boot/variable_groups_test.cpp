#include <boot/variable_groups.hpp>

#include <boot/variables.hpp>
#include <daemon/environment.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <signal.h>

#include <map>

namespace dind::boot {
namespace {

using test::ok;
using Words = std::vector<std::string>;

TEST(EngineWishesTest, AreReadFromEveryVariable) {
  const Words environment = {
      "DIND_ACTIVATE=late",
      "DIND_TLS_KEY=rsa4096",
      "DIND_TCP_BIND=127.0.0.1",
      "DIND_REGISTRY_MIRRORS=https://a, http://b:5000",
      "DIND_INSECURE_REGISTRIES=registry:5000,10.0.0.0/8",
      "DIND_DNS=1.1.1.1 fd00::53",
      "DIND_BIP=172.30.0.1/16",
      "DIND_DEFAULT_ADDRESS_POOLS=base=10.1.0.0/16,size=24;base=10.2.0.0/16,size=28",
      "DIND_MTU=1400"};
  const auto wishes = read_engine_wishes(VariableReader(environment));
  ASSERT_TRUE(ok(wishes));
  EXPECT_EQ(wishes->activate, ActivateWish::late);
  EXPECT_EQ(wishes->tls_key, TlsKeyWish::rsa4096);
  EXPECT_EQ(wishes->tcp_bind, "127.0.0.1");
  EXPECT_EQ(wishes->registry_mirrors, (Words{"https://a", "http://b:5000"}));
  EXPECT_EQ(wishes->insecure_registries, (Words{"registry:5000", "10.0.0.0/8"}));
  EXPECT_EQ(wishes->dns, (Words{"1.1.1.1", "fd00::53"}));
  EXPECT_EQ(wishes->bip, "172.30.0.1/16");
  EXPECT_EQ(wishes->address_pools,
            (std::vector<AddressPool>{{"10.1.0.0/16", 24}, {"10.2.0.0/16", 28}}));
  EXPECT_EQ(wishes->mtu, 1400U);
}

TEST(SupervisionWishesTest, AreReadFromEveryVariable) {
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
  const auto wishes = read_supervision_wishes(VariableReader(environment));
  ASSERT_TRUE(ok(wishes));
  EXPECT_EQ(wishes->stop_timeout, std::chrono::seconds(20));
  EXPECT_EQ(wishes->drain, std::chrono::seconds(600));
  EXPECT_EQ(wishes->drain_ignore, "ci.helper=1");
  EXPECT_EQ(wishes->exit_with, (ExitWish{.on = ExitCondition::file, .path = "/shared/done"}));
  EXPECT_EQ(wishes->restart, (RestartWish{.on_failure = true, .most = 3}));
  EXPECT_EQ(wishes->signal_rewrite,
            (std::vector<std::pair<int, int>>{{SIGTERM, SIGQUIT}, {SIGHUP, 0}}));
  EXPECT_EQ(wishes->exit_remap, (std::vector<int>{143, 137}));
  EXPECT_EQ(wishes->ready_file, "/shared/ready");
  EXPECT_EQ(wishes->metrics_file, "/metrics/dind.prom");
  EXPECT_EQ(wishes->on_hook_error, OnHookError::fail);
  EXPECT_EQ(wishes->nofile, (FileLimit{1024, 524288}));
}

TEST(SupervisionWishesTest, KnowEveryFormOfAValue) {
  const auto read = [](const std::string& entry) {
    return read_supervision_wishes(VariableReader(Words{entry})).value();
  };
  EXPECT_EQ(read("DIND_EXIT_WITH=main").exit_with, ExitWish{.on = ExitCondition::main});
  EXPECT_EQ(read("DIND_EXIT_WITH=idle:90").exit_with,
            (ExitWish{.on = ExitCondition::idle, .idle = std::chrono::seconds(90)}));
  EXPECT_EQ(read("DIND_RESTART=no").restart, RestartWish{});
  EXPECT_EQ(read("DIND_RESTART=on-failure").restart, RestartWish{.on_failure = true});
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
  for (const std::string_view variable : daemon::our_variables()) {
    const std::string name(variable);
    if (name == "DIND_DRAIN_IGNORE") { // any text is a label
      continue;
    }
    ASSERT_TRUE(kBad.contains(name)) << name;
    const std::string entry = name + "=" + kBad.at(name);
    const auto wishes = read_wishes(Words{entry});
    ASSERT_FALSE(wishes) << entry;
    const std::string line = wishes.error().describe();
    EXPECT_TRUE(line.starts_with(entry + ": not ")) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(wishes.error().code(), 0) << line;
  }
}

} // namespace
} // namespace dind::boot
