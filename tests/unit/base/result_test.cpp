#include <base/result.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace dind {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) {
    return input_error("{} is odd", number);
  }
  return number / 2;
}

Result<std::string> quarter(int number) {
  const int once = TRY(half(number));
  const int twice = TRY(half(once).within("second time"));
  return std::to_string(twice);
}

Result<void> check(int number) {
  TRY(half(number));
  return {};
}

TEST(ResultTest, HoldsAValueOrAnError) {
  EXPECT_TRUE(half(4));
  EXPECT_EQ(*half(4), 2);
  EXPECT_FALSE(half(3));
  EXPECT_EQ(half(3).error().describe(), "3 is odd");
}

TEST(ResultTest, TryYieldsTheValueOrLeavesWithTheError) {
  EXPECT_EQ(*quarter(8), "2");
  EXPECT_EQ(quarter(3).error().describe(), "3 is odd");
  EXPECT_EQ(quarter(6).error().describe(), "second time: 3 is odd");
}

TEST(ResultTest, OfNothingTellsSuccessFromFailure) {
  EXPECT_TRUE(check(2));
  EXPECT_EQ(check(1).error().describe(), "1 is odd");
  EXPECT_EQ(check(1).within("there").error().describe(), "there: 1 is odd");
  EXPECT_TRUE(check(2).within("there"));
}

TEST(ResultTest, CarriesWhatCanOnlyBeMoved) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto through = [&]() -> Result<std::unique_ptr<int>> {
    std::unique_ptr<int> moved = TRY(make());
    return moved;
  };
  EXPECT_EQ(**through(), 7);
}

} // namespace
} // namespace dind
