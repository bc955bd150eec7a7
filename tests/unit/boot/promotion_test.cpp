#include <boot/promotion.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

TEST(PromotionTest, IsForVolumesThatOutliveAStart) {
  seed::Receipt earlier;
  earlier.boot_id = "b";
  struct Row {
    PromoteWish wish;
    seed::Receipt receipt;
    bool wanted;
  };
  const Row rows[] = {
      {PromoteWish::automatic, {}, false}, {PromoteWish::automatic, earlier, true},
      {PromoteWish::yes, {}, true},        {PromoteWish::yes, earlier, true},
      {PromoteWish::no, {}, false},        {PromoteWish::no, earlier, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(wants_promotion(row.wish, row.receipt), row.wanted);
  }
}

} // namespace
} // namespace dind::boot
