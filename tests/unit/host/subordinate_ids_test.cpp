#include <host/subordinate_ids.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::host {
namespace {

using test::fails_saying;

Accounts accounts() {
  return {.passwd = "root:x:0:0:root:/root:/bin/sh\n"
                    "dockremap:x:100:101::/home/dockremap:/sbin/nologin\n"
                    "build:x:1000:1000::/home/build:/bin/sh\n",
          .subuid = "# who:from:how many\n"
                    "dockremap:100000:65536\n"
                    "build:200000:1000\n"
                    "build:300000:64536\n",
          .subgid = "dockremap:110000:65536\n"
                    "1000:210000:65536\n"};
}

sys::IdMap map_of(std::string_view user) {
  const auto found = find_remapping(user, accounts());
  EXPECT_TRUE(found && *found && (*found)->ids) << user;
  return found && *found && (*found)->ids ? *(*found)->ids : sys::IdMap{{{}}, {{}}};
}

TEST(SubordinateIdsTest, DefaultIsDockremap) {
  const sys::IdMap dockremap{{{0, 100000, 65536}}, {{0, 110000, 65536}}};
  EXPECT_EQ(map_of("default"), dockremap);
  EXPECT_EQ(map_of("dockremap"), dockremap);
  EXPECT_EQ(map_of("dockremap:dockremap"), dockremap);
  EXPECT_EQ(map_of("100"), dockremap);
  EXPECT_EQ(find_remapping("default", accounts()).value()->dir, "100000.110000");
}

TEST(SubordinateIdsTest, RangesFollowOneAnother) {
  EXPECT_EQ(map_of("build"),
            (sys::IdMap{{{0, 200000, 1000}, {1000, 300000, 64536}}, {{0, 210000, 65536}}}));
}

TEST(SubordinateIdsTest, NobodyIsMapped) {
  EXPECT_EQ(find_remapping("", accounts()).value(), std::nullopt);
}

TEST(SubordinateIdsTest, RootIsMappedToHimselfAndHasAPlaceOfHisOwn) {
  for (const char* root : {"root", "0", "0:0", "root:root"}) {
    EXPECT_EQ(find_remapping(root, accounts()).value(), (Remapping{"0.0", std::nullopt})) << root;
  }
}

TEST(SubordinateIdsTest, SaysWhatIsNotKnown) {
  EXPECT_TRUE(fails_saying("/etc/passwd has no user nobody", find_remapping("nobody", accounts())));
  Accounts without_groups = accounts();
  without_groups.subgid = "";
  EXPECT_TRUE(
      fails_saying("/etc/subgid has no line for build", find_remapping("build", without_groups)));
  Accounts by_both = accounts();
  by_both.subuid += "1000:500000:65536\n";
  EXPECT_TRUE(fails_saying("lines for build and for 1000", find_remapping("build", by_both)));
  for (const char* line : {"build:1x:65536", "build:1:", "build:1:0", "build:-1:5"}) {
    Accounts broken = accounts();
    broken.subgid = std::string(line) + "\n";
    EXPECT_FALSE(find_remapping("build", broken)) << line;
  }
  Accounts too_many = accounts();
  too_many.subuid += "build:1:4294967295\n";
  EXPECT_TRUE(fails_saying("more IDs than there are", find_remapping("build", too_many)));
}

} // namespace
} // namespace dind::host
