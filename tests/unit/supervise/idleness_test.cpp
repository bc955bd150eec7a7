#include <supervise/idleness.hpp>

#include <gtest/gtest.h>

namespace dind::supervise {
namespace {

using std::chrono::seconds;

TEST(IdleForTest, SaysWhatTheEngineWasWithoutAndForHowLong) {
  EXPECT_EQ(idle_for(seconds(3), ""), "idle: no container, build or request for 3 s");
}

TEST(IdleForTest, DoesNotClaimThatIgnoredContainersHadEnded) {
  EXPECT_EQ(idle_for(seconds(600), "role=proxy"),
            "idle: no container without the label role=proxy, build or request for 600 s");
}

} // namespace
} // namespace dind::supervise
