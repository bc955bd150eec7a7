#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/xattr.hpp>

#include <sys/sysmacros.h>
#include <unistd.h>

namespace dind::sys {
namespace {

using test::ok;
using test::stat_of;
using test::TempDir;

class RootFileTest : public testing::Test {
protected:
  void SetUp() override { NEEDS(::geteuid() == 0, "root"); }

  const TempDir dir_;
  const std::string name_ = "a";
  const At at_{dir_.fd(), name_};
};

TEST_F(RootFileTest, MakesADeviceNodeWithItsNumbers) {
  const auto made = make_node_at(at_, S_IFCHR | 0600, ::makedev(0, 0));
  ASSERT_TRUE(ok(made));
  EXPECT_TRUE(S_ISCHR(stat_of(dir_ / "a").st_mode));
  EXPECT_EQ(stat_of(dir_ / "a").st_rdev, ::makedev(0, 0));
}

TEST_F(RootFileTest, SettingTheOwnerClearsSetuidAndCapabilities) {
  dir_.write("a", "");
  ASSERT_TRUE(ok(set_mode_at(at_, 04755)));
  // vfs_cap_data of version 2: cap_net_raw+ep.
  const std::string capability("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                               "\x00\x00\x00\x00",
                               20);
  const std::string name(kCapabilityXattr);
  ASSERT_TRUE(ok(set_xattr_at(at_, name, capability)));
  EXPECT_EQ(get_xattr_at(at_, name)->value_or(""), capability);
  ASSERT_TRUE(ok(set_owner_at(at_, 1000, 1001)));
  EXPECT_EQ(stat_of(dir_ / "a").st_uid, 1000U);
  EXPECT_EQ(stat_of(dir_ / "a").st_gid, 1001U);
  EXPECT_EQ(stat_of(dir_ / "a").st_mode & 07777U, 0755U);
  EXPECT_EQ(get_xattr_at(at_, name).value(), std::nullopt);
}

TEST_F(RootFileTest, SetsTheOwnerOfASymlinkAndNotOfItsTarget) {
  dir_.write("b", "");
  ASSERT_TRUE(ok(symlink_at("b", at_)));
  ASSERT_TRUE(ok(set_owner_at(at_, 1000, 1000)));
  EXPECT_EQ(stat_of(dir_ / "a").st_uid, 1000U);
  EXPECT_EQ(stat_of(dir_ / "b").st_uid, 0U);
}

TEST_F(RootFileTest, KeepsTrustedAttributesApart) {
  dir_.make_dir("a");
  ASSERT_TRUE(ok(set_xattr_at(at_, "trusted.overlay.opaque", "y")));
  EXPECT_EQ(get_xattr_at(at_, "trusted.overlay.opaque")->value_or(""), "y");
  EXPECT_EQ(get_xattr_at(at_, "user.overlay.opaque").value(), std::nullopt);
}

} // namespace
} // namespace dind::sys
