#include <clone/work_stack.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <new>

namespace dind::clone {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;

bool never() {
  return false;
}

TEST(WorkStackTest, DoesWhatWorkAdds) {
  WorkStack stack;
  std::atomic<int> done{0};
  stack.push([&]() -> Result<void> {
    for (int piece = 0; piece < 100; ++piece) {
      stack.push([&]() -> Result<void> {
        ++done;
        return {};
      });
    }
    return {};
  });
  EXPECT_TRUE(ok(stack.run(2, never)));
  EXPECT_EQ(done, 100);
}

TEST(WorkStackTest, EndsWithTheFirstError) {
  WorkStack stack;
  stack.push([]() -> Result<void> { return Error("copy a", ENOSPC); });
  EXPECT_TRUE(fails_saying("copy a", stack.run(2, never)));
}

TEST(WorkStackTest, TakesAnExceptionForAnError) {
  WorkStack stack;
  stack.push([]() -> Result<void> { throw std::bad_alloc(); });
  EXPECT_TRUE(fails_saying("bad_alloc", stack.run(2, never)));
}

TEST(WorkStackTest, DoesTheWorkItselfWhereNoThreadCanBeHad) {
  NEEDS(::geteuid() == 0, "root");
  EXPECT_TRUE(test::holds_without_threads([] {
    WorkStack stack;
    int done = 0;
    stack.push([&]() -> Result<void> {
      for (int piece = 0; piece < 3; ++piece) {
        stack.push([&]() -> Result<void> {
          ++done;
          return {};
        });
      }
      return {};
    });
    EXPECT_TRUE(ok(stack.run(2, never)));
    EXPECT_EQ(done, 3);
    stack.push([]() -> Result<void> { return {}; });
    EXPECT_TRUE(fails_with(ECANCELED, stack.run(2, [] { return true; })));
  }));
}

} // namespace
} // namespace dind::clone
