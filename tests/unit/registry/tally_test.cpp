#include <registry/tally.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::registry {
namespace {

using test::fails_with;
using test::ok;

TEST(TallyTest, BringsTheSumOfWhatWasSent) {
  const auto tally = Tally::open();
  ASSERT_TRUE(ok(tally));
  EXPECT_EQ(tally->receive(), Counts()) << "and does not block";
  ASSERT_TRUE(ok(tally->send({.hits = 1, .misses = 2})));
  ASSERT_TRUE(ok(tally->send({.hits = 10, .misses = 0})));
  EXPECT_EQ(tally->receive(), (Counts{.hits = 11, .misses = 2}));
  EXPECT_EQ(tally->receive(), Counts());
}

// The sender keeps what was not sent; what was is not lost.
TEST(TallyTest, BlocksNoSenderWhereNothingIsReceived) {
  const auto tally = Tally::open();
  ASSERT_TRUE(ok(tally));
  std::uint64_t sent = 0;
  auto last = tally->send({.hits = 1});
  for (; last; last = tally->send({.hits = 1})) {
    ++sent;
  }
  EXPECT_TRUE(fails_with(EAGAIN, last));
  std::uint64_t got = 0;
  for (Counts more = tally->receive(); more != Counts(); more = tally->receive()) {
    got += more.hits;
  }
  EXPECT_EQ(got, sent);
}

} // namespace
} // namespace dind::registry
