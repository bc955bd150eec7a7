#include <sys/workers.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>

namespace dind::sys {
namespace {

TEST(WorkersTest, RunsOnAsManyThreadsAsAskedForAndWaitsForAll) {
  for (const std::size_t count : {1U, 4U}) {
    std::atomic<std::size_t> runs{0};
    run_on_workers(count, [&] {
      ::usleep(1000);
      ++runs;
    });
    EXPECT_EQ(runs, count);
  }
}

TEST(WorkersTest, GivesAThreadItsStopToken) {
  auto thread = start_thread([](const std::stop_token& token) {
    while (!token.stop_requested()) {
      ::usleep(1000);
    }
  });
  EXPECT_TRUE(thread);
}

TEST(WorkersTest, AreFewerWhereNoThreadCanBeHad) {
  NEEDS(::geteuid() == 0, "root");
  EXPECT_TRUE(test::holds_without_threads([] {
    int runs = 0;
    EXPECT_FALSE(start_thread([&] { ++runs; }));
    EXPECT_TRUE(start_threads(3, [&] { ++runs; }).empty());
    EXPECT_EQ(runs, 0);
    run_on_workers(3, [&] { ++runs; });
    EXPECT_EQ(runs, 1);
  }));
}

} // namespace
} // namespace dind::sys
