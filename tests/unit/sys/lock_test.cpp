#include <sys/lock.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dind::sys {
namespace {

using test::ok;

const std::string kName = "lock";

TEST(LockTest, MakesItsFileAndIsTakenAtOnceWhereItIsFree) {
  const test::TempDir dir;
  const auto lock = take_lock_at({dir.fd(), kName}, [] { return true; });
  ASSERT_TRUE(ok(lock));
  EXPECT_TRUE(lock->has_value());
  EXPECT_TRUE(dir.has(kName));
}

TEST(LockTest, AsksBetweenTriesAndGivesUpWhenToldTo) {
  const test::TempDir dir;
  const auto held = take_lock_at({dir.fd(), kName}, [] { return true; });
  ASSERT_TRUE(ok(held));
  int asked = 0;
  const auto lock = take_lock_at({dir.fd(), kName}, [&asked] { return ++asked == 3; });
  ASSERT_TRUE(ok(lock));
  EXPECT_FALSE(lock->has_value());
  EXPECT_EQ(asked, 3);
}

TEST(LockTest, PassesToWhoWaitsWhenItsHolderGoes) {
  const test::TempDir dir;
  std::optional<Fd> held = take_lock_at({dir.fd(), kName}, [] { return true; }).value();
  const auto lock = take_lock_at({dir.fd(), kName}, [&held] {
    held.reset();
    return false;
  });
  ASSERT_TRUE(ok(lock));
  EXPECT_TRUE(lock->has_value());
}

TEST(LockTest, NamesTheFileThatCannotBeOpened) {
  const test::TempDir dir;
  dir.write("lock/file", "");
  const auto lock = take_lock_at({dir.fd(), kName}, [] { return true; });
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().describe(), testing::HasSubstr(kName));
}

} // namespace
} // namespace dind::sys
