#include <sys/signal_name.hpp>

#include <gtest/gtest.h>

#include <signal.h>

namespace dind::sys {
namespace {

TEST(SignalNameTest, IsReadWithAndWithoutItsPrefixAndAsANumber) {
  for (const char* text : {"TERM", "SIGTERM", "15"}) {
    EXPECT_EQ(parse_signal(text), SIGTERM) << text;
  }
  EXPECT_EQ(parse_signal("WINCH"), SIGWINCH);
  for (const char* text : {"", "SIG", "term", "TERMINATE", "0", "-1", "65", "15s"}) {
    EXPECT_EQ(parse_signal(text), std::nullopt) << text;
  }
}

TEST(SignalNameTest, IsPrintedInFull) {
  EXPECT_EQ(signal_name(SIGHUP), "SIGHUP");
  EXPECT_EQ(signal_name(SIGRTMIN + 1), "signal 35");
}

} // namespace
} // namespace dind::sys
