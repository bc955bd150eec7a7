#include <base/spelling.hpp>

#include <gtest/gtest.h>

#include <array>

namespace dind {
namespace {

TEST(SpellingTest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("mtu", "mtu"), 0U);
  EXPECT_EQ(edit_distance("", "mtu"), 3U);
  EXPECT_EQ(edit_distance("bpi", "bip"), 2U);
  EXPECT_EQ(edit_distance("registry-mirror", "registry-mirrors"), 1U);
}

TEST(SpellingTest, FindsTheNearestWithinReach) {
  constexpr std::array<std::string_view, 3> kWords = {"debug", "dns", "dns-opts"};
  EXPECT_EQ(nearest_word("dnss", kWords, 2), "dns");
  EXPECT_EQ(nearest_word("debugx", kWords, 2), "debug");
  EXPECT_EQ(nearest_word("something", kWords, 2), "");
}

} // namespace
} // namespace dind
