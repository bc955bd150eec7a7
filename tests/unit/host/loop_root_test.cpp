#include <host/loop_root.hpp>

#include <gtest/gtest.h>

namespace dind::host {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

struct Size {
  std::optional<std::uint64_t> wish;
  std::uint64_t free;
  std::uint64_t bytes;
};

class LoopSizeTest : public testing::TestWithParam<Size> {};

TEST_P(LoopSizeTest, IsTheWishOrAPartOfWhatIsFree) {
  const Size& size = GetParam();
  EXPECT_EQ(loop_size(size.wish, {.bytes = size.free, .inodes = 1}), size.bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Table, LoopSizeTest,
    testing::Values(Size{std::nullopt, 100 * kGiB, 20 * kGiB},
                    Size{std::nullopt, 40 * kGiB, 20 * kGiB},
                    Size{std::nullopt, 10 * kGiB, 5 * kGiB},
                    Size{std::nullopt, 10 * kGiB + 5, 5 * kGiB}, // whole MiB
                    Size{std::nullopt, 128 * kMiB, 64 * kMiB},
                    Size{std::nullopt, 128 * kMiB - 2, 0},            // of no use
                    Size{std::nullopt, 0, 0}, Size{0, 100 * kGiB, 0}, // never
                    Size{64 * kMiB, 100 * kGiB, 64 * kMiB}, Size{64 * kMiB - 1, 100 * kGiB, 0},
                    Size{50 * kGiB, 100 * kGiB, 50 * kGiB},
                    Size{50 * kGiB, 10 * kGiB, 50 * kGiB})); // sparse, and said by who knows

TEST(BackingSpaceTest, IsLowWhenTheFileMayWantMoreThanThereSoonIs) {
  EXPECT_FALSE((BackingSpace{.unclaimed = 20 * kGiB, .free = kGiB}).is_low());
  EXPECT_TRUE((BackingSpace{.unclaimed = 20 * kGiB, .free = kGiB - 1}).is_low());
  EXPECT_FALSE((BackingSpace{.unclaimed = 100 * kMiB, .free = 100 * kMiB}).is_low());
  EXPECT_TRUE((BackingSpace{.unclaimed = 100 * kMiB, .free = 100 * kMiB - 1}).is_low());
  EXPECT_FALSE((BackingSpace{.unclaimed = 0, .free = 0}).is_low()); // it has all it can get
}

TEST(BackingSpaceTest, IsOverdrawnAsSoonAsTheFileMayWantMoreThanThereIs) {
  EXPECT_FALSE((BackingSpace{.unclaimed = 20 * kGiB, .free = 20 * kGiB}).is_overdrawn());
  EXPECT_TRUE((BackingSpace{.unclaimed = 20 * kGiB, .free = 20 * kGiB - 1}).is_overdrawn());
}

} // namespace
} // namespace dind::host
