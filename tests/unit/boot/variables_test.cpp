#include <boot/variables.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

using test::ok;
using Words = std::vector<std::string>;

const std::string kHex(64, 'a');

TEST(WishesTest, AreTheDefaultsInAnEmptyEnvironment) {
  const auto wishes = read_wishes({});
  ASSERT_TRUE(ok(wishes));
  EXPECT_EQ(wishes->cache_dirs, Words{"/var/lib/dind-cache"});
  EXPECT_FALSE(wishes->cache_digest);
  EXPECT_EQ(wishes->seed, SeedWish::automatic);
  EXPECT_EQ(wishes->on_seed_error, OnSeedError::go_on);
  EXPECT_EQ(wishes->verify, VerifyWish::quick);
  EXPECT_EQ(wishes->store, StoreWish::automatic);
  EXPECT_EQ(wishes->required_driver, "");
  EXPECT_EQ(wishes->preferred_driver, "");
  EXPECT_TRUE(wishes->allowed_drivers.empty());
  EXPECT_EQ(wishes->log_level, log::Level::info);
  EXPECT_EQ(wishes->log_format, log::Format::logfmt);
}

TEST(WishesTest, AreReadFromEveryVariable) {
  const auto wishes = read_wishes(
      Words{"DIND_CACHE_DIR=/a:/b", "DIND_CACHE_DIGEST=sha256:" + kHex, "DIND_SEED=hardlink",
            "DIND_SEED_ON_ERROR=fail", "DIND_VERIFY=full", "DIND_STORE=containerd",
            "DIND_STORAGE_DRIVER=fuse-overlayfs", "DIND_REQUIRE_DRIVER=overlay2,btrfs",
            "DOCKER_DRIVER=overlay2", "DIND_LOG_LEVEL=debug", "DIND_LOG_FORMAT=json",
            "DIND_SEED_JOBS=7", "DIND_SEED_BUDGET=30", "DIND_RESEED=no", "DIND_LOOP_SIZE=5g"});
  ASSERT_TRUE(ok(wishes));
  EXPECT_EQ(wishes->cache_dirs, (Words{"/a", "/b"}));
  EXPECT_EQ(wishes->cache_digest->hex(), kHex);
  EXPECT_EQ(wishes->seed, SeedWish::hardlink);
  EXPECT_EQ(wishes->on_seed_error, OnSeedError::fail);
  EXPECT_EQ(wishes->verify, VerifyWish::full);
  EXPECT_EQ(wishes->store, StoreWish::containerd);
  EXPECT_EQ(wishes->required_driver, "fuse-overlayfs");
  EXPECT_EQ(wishes->preferred_driver, "overlay2");
  EXPECT_EQ(wishes->allowed_drivers, (Words{"overlay2", "btrfs"}));
  EXPECT_EQ(wishes->log_level, log::Level::debug);
  EXPECT_EQ(wishes->log_format, log::Format::json);
  EXPECT_EQ(wishes->seed_jobs, 7U);
  EXPECT_EQ(wishes->seed_budget, std::chrono::seconds(30));
  EXPECT_FALSE(wishes->reseed);
  EXPECT_EQ(wishes->loop_bytes, 5ULL << 30U);
}

TEST(WishesTest, TakeEmptyForUnset) {
  const auto wishes = read_wishes(Words{"DIND_SEED=", "DIND_CACHE_DIR=", "DIND_STORAGE_DRIVER=",
                                        "DIND_REQUIRE_DRIVER=", "DIND_CACHE_DIGEST="});
  ASSERT_TRUE(ok(wishes));
  EXPECT_EQ(wishes->seed, SeedWish::automatic);
  EXPECT_EQ(wishes->cache_dirs, Words{"/var/lib/dind-cache"});
}

TEST(WishesTest, TakeAnAutomaticDriverForNone) {
  const auto wishes = read_wishes(Words{"DIND_STORAGE_DRIVER=auto"});
  ASSERT_TRUE(ok(wishes));
  EXPECT_EQ(wishes->required_driver, "");
}

TEST(WishesTest, RefuseBadValuesWithVariableValueAndWhatIsAllowed) {
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
    const auto wishes = read_wishes(Words{entry});
    ASSERT_FALSE(wishes) << entry;
    EXPECT_EQ(wishes.error().describe(), expected);
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

} // namespace
} // namespace dind::boot
