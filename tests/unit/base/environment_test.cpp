#include <base/environment.hpp>

#include <gtest/gtest.h>

namespace dind {
namespace {

TEST(EnvironmentTest, TakesEmptyForUnset) {
  const Environment environment = {"A=1", "B=", "AB=2"};
  EXPECT_EQ(find_variable(environment, "A"), "1");
  EXPECT_EQ(find_variable(environment, "B"), std::nullopt);
  EXPECT_EQ(find_variable(environment, "C"), std::nullopt);
}

TEST(EnvironmentTest, TellsSetFromNotEmpty) {
  const std::vector<std::string> environment = {"EMPTY=", "FULL=x"};
  EXPECT_TRUE(is_set(environment, "EMPTY"));
  EXPECT_TRUE(is_set(environment, "FULL"));
  EXPECT_FALSE(is_set(environment, "FUL"));
  EXPECT_FALSE(find_variable(environment, "EMPTY"));
}

TEST(EnvironmentTest, PutsAFolderFirstInThePath) {
  EXPECT_EQ(with_path_prefix({"A=b", "PATH=/bin:/sbin"}, "/legacy"),
            (Environment{"A=b", "PATH=/legacy:/bin:/sbin"}));
  EXPECT_EQ(with_path_prefix({}, "/legacy"), Environment{"PATH=/legacy"});
}

} // namespace
} // namespace dind
