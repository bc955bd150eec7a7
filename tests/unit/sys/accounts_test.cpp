#include <sys/accounts.hpp>

#include <gtest/gtest.h>

namespace dind::sys {
namespace {

using Lines = std::vector<std::vector<std::string>>;

constexpr const char* kPasswd = "# name:password:uid\n"
                                "root:x:0:0:root:/root:/bin/sh\n"
                                "short:x\n"
                                "build:x:1000:1000::/home/build:/bin/sh\n"
                                "x:x:1001:1001::/:/bin/false\n";

constexpr const char* kSubuid = "dockremap:100000:65536\n"
                                "build:165536:65536\n"
                                "1000:1:1\n"
                                "1001:2:2\n"
                                "x:\n"
                                ":3:3\n";

TEST(AccountsTest, FindsAUserByNameOrNumber) {
  for (const char* who : {"build", "1000"}) {
    const auto user = find_user(kPasswd, who);
    ASSERT_TRUE(user) << who;
    EXPECT_EQ(user->name + " " + user->uid, "build 1000");
  }
  EXPECT_EQ(find_user(kPasswd, "x")->uid, "1001"); // a name, though it stands in the second field
  for (const char* nobody : {"short", "100", "# name", "", "0x0"}) {
    EXPECT_FALSE(find_user(kPasswd, nobody)) << nobody;
  }
}

TEST(AccountsTest, AUsersLinesAreByNameOrNumber) {
  EXPECT_EQ(subordinate_lines(kSubuid, {"build", "1000"}),
            (Lines{{"build", "165536", "65536"}, {"1000", "1", "1"}}));
  EXPECT_EQ(subordinate_lines(kSubuid, {"x", "1001"}), (Lines{{"1001", "2", "2"}}));
  EXPECT_EQ(subordinate_lines(kSubuid, {"root", "100"}), Lines());
  EXPECT_EQ(subordinate_lines(kSubuid, {"", "0"}), Lines());
}

} // namespace
} // namespace dind::sys
