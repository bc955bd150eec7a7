#include <base/error.hpp>

#include <gtest/gtest.h>

#include <errno.h>

namespace dind {
namespace {

TEST(ErrorTest, ReadsFromTheOutsideInWithTheReasonLastAndOnce) {
  const Error error = Error("link a to b", EXDEV).within("seed overlay2").within("boot");
  EXPECT_EQ(error.describe(), "boot: seed overlay2: link a to b: Invalid cross-device link");
}

TEST(ErrorTest, KeepsItsCodeWhateverIsSaidAroundIt) {
  const Error error = Error("open x", ENOENT).within("read the cache");
  EXPECT_EQ(error.code(), ENOENT);
  EXPECT_TRUE(error.is(std::errc::no_such_file_or_directory));
  EXPECT_FALSE(error.is(std::errc::permission_denied));
}

TEST(ErrorTest, HasNoReasonWhereTheInputIsToBlame) {
  const Error error = input_error("\"{}\" is not one of a, b", "c");
  EXPECT_EQ(error.code(), 0);
  EXPECT_EQ(error.describe(), "\"c\" is not one of a, b");
}

TEST(ErrorTest, TakesErrnoBeforeAnythingElse) {
  errno = EACCES;
  const Error error = errno_error("open {}", std::string(1000, 'x')); // allocates
  EXPECT_EQ(error.code(), EACCES);
}

} // namespace
} // namespace dind
