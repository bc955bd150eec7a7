#pragma once

#include <base/result.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

namespace dind::test {

// ASSERT_TRUE(ok(result)): says the error if there is one.
template <typename T>
testing::AssertionResult ok(const Result<T>& result) {
  if (result) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << result.error().describe();
}

// EXPECT_TRUE(fails_with(ENOENT, result)).
template <typename T>
testing::AssertionResult fails_with(int code, const Result<T>& result) {
  if (result) {
    return testing::AssertionFailure() << "it succeeded";
  }
  if (result.error().code() != code) {
    return testing::AssertionFailure() << "it failed otherwise: " << result.error().describe();
  }
  return testing::AssertionSuccess();
}

// EXPECT_TRUE(fails_saying("truncated", result)): the error's text holds `words`.
template <typename T>
testing::AssertionResult fails_saying(std::string_view words, const Result<T>& result) {
  if (result) {
    return testing::AssertionFailure() << "it succeeded";
  }
  if (result.error().describe().find(words) == std::string::npos) {
    return testing::AssertionFailure() << "it said: " << result.error().describe();
  }
  return testing::AssertionSuccess();
}

} // namespace dind::test

// Skips with a reason, unless DIND_TEST_STRICT says that this machine is meant
// to have everything: a suite that skips in CI must not look green.
#define NEEDS(condition, reason)                                                                   \
  if (!(condition)) {                                                                              \
    if (std::getenv("DIND_TEST_STRICT")) {                                                         \
      FAIL() << "needs " << (reason);                                                              \
    }                                                                                              \
    GTEST_SKIP() << "needs " << (reason);                                                          \
  }                                                                                                \
  static_assert(true)
