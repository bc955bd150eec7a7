#include <seed/seed_report.hpp>

#include <gtest/gtest.h>

namespace dind::seed {
namespace {

TEST(SeedReportTest, HasNoFailureWhereNothingIsMissing) {
  EXPECT_FALSE(failure_of({.images = 3}));
}

TEST(SeedReportTest, FailsForTheOneImageThatIsMissing) {
  const auto failure = failure_of({.images_missing = {"app:1"}, .why_missing = Reason{"no room"}});
  EXPECT_EQ(failure.value().why, "no room");
}

TEST(SeedReportTest, CountsThoseThatAreMissing) {
  const auto failure =
      failure_of({.images_missing = {"app:1", "base:1"}, .why_missing = Reason{"no room"}});
  EXPECT_EQ(failure.value().why, "2 images are missing; no room");
}

TEST(SeedReportTest, IsNamedAfterTheMethodThatMostBytesGot) {
  EXPECT_EQ(strategy_of({.bytes = {{Method::link, 5}, {Method::copy, 9}}}), Method::copy);
  EXPECT_EQ(strategy_of({}), Method::present);
}

TEST(SeedReportTest, TakesNothingOfASpaceThatHasGrown) {
  const SeedReport smaller =
      with_space_taken({}, {.bytes = 9, .inodes = 4}, {.bytes = 2, .inodes = 1});
  EXPECT_EQ(smaller.bytes_written, 7U);
  EXPECT_EQ(smaller.files_written, 3U);
  const SeedReport larger =
      with_space_taken({}, {.bytes = 2, .inodes = 1}, {.bytes = 9, .inodes = 4});
  EXPECT_EQ(larger.bytes_written, 0U);
  EXPECT_EQ(larger.files_written, 0U);
}

} // namespace
} // namespace dind::seed
