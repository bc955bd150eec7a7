#include <supervise/promotion.hpp>

#include <gtest/gtest.h>

namespace dind::supervise {
namespace {

TEST(PromotionTest, IsForVolumesThatOutliveAStart) {
  seed::Receipt earlier;
  earlier.boot_id = "b";
  struct Row {
    config::Promote setting;
    seed::Receipt receipt;
    bool wanted;
  };
  const Row rows[] = {
      {config::Promote::automatic, {}, false}, {config::Promote::automatic, earlier, true},
      {config::Promote::yes, {}, true},        {config::Promote::yes, earlier, true},
      {config::Promote::no, {}, false},        {config::Promote::no, earlier, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(wants_promotion(row.setting, row.receipt), row.wanted);
  }
}

} // namespace
} // namespace dind::supervise
