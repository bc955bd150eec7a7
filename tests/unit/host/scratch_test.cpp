#include <host/scratch.hpp>

#include <sys/dir.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::host {
namespace {

using test::ok;

// On a disk that fails, mkdir(2) may make the directory and yet say that it did not, and then
// nothing can remove it.
TEST(ScratchTest, TakesThePlaceOfWhatAnAttemptLeft) {
  const test::TempDir dir;
  const auto outer = Scratch::make(dir.fd());
  ASSERT_TRUE(ok(outer));
  const std::string name = "overlay";
  const std::string left = "left";
  ASSERT_TRUE(ok(sys::make_dir_at({outer->dir(), name}, 0700)));
  const auto before = sys::open_dir_at({outer->dir(), name});
  ASSERT_TRUE(ok(before));
  ASSERT_TRUE(ok(sys::create_file_at({*before, left}, "", 0644)));

  const auto inner = Scratch::make_inside(*outer, name, {"upper"});

  ASSERT_TRUE(ok(inner));
  const auto names = sys::list_dir(inner->dir());
  ASSERT_TRUE(ok(names));
  ASSERT_EQ(names->size(), 1U);
  EXPECT_EQ(names->front().name, "upper");
}

} // namespace
} // namespace dind::host
