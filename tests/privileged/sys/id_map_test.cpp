#include <sys/id_map.hpp>

#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;
using test::TempDir;

const IdMap kIds{{{0, 200000, 1000}, {1000, 400000, 1000}}, {{0, 300000, 2000}}};

class IdMapTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0 && test::enter_mount_namespace(), "root and a mount namespace");
    dir_ = open_dir(place_.path()).value(); // in this namespace
    EXPECT_EQ(::lchown(place_.path().c_str(), 200000, 300000), 0);
    shift_ = make_id_shift(kIds).value();
    auto mapped = open_mapped(dir_, shift_);
    NEEDS(mapped || !mapped.error().is(std::errc::invalid_argument),
          "ID-mapped mounts where temporary files are");
    ASSERT_TRUE(ok(mapped));
    mapped_ = std::move(mapped).value();
  }

  std::string owner_of(const std::string& name) const {
    const struct stat found = stat_at({dir_, name}).value();
    return std::to_string(found.st_uid) + ":" + std::to_string(found.st_gid);
  }

  const TempDir place_;
  Fd dir_;
  Fd shift_;
  Fd mapped_;
};

TEST_F(IdMapTest, StoresWhatTheMapHas) {
  const std::string name = "file";
  ASSERT_TRUE(ok(create_file_at({mapped_, name}, "content", 0644)));
  EXPECT_EQ(owner_of(name), "200000:300000");
  ASSERT_TRUE(ok(set_owner_at({mapped_, name}, 1005, 1005)));
  EXPECT_EQ(owner_of(name), "400005:301005");
  const struct stat seen = stat_at({mapped_, name}).value();
  EXPECT_EQ(seen.st_uid, 1005U);
  EXPECT_EQ(seen.st_gid, 1005U);
  EXPECT_TRUE(fails_with(EOVERFLOW, set_owner_at({mapped_, name}, 2000, 0)));
}

TEST_F(IdMapTest, HardLinksStayInside) {
  const std::string one = "one";
  const std::string two = "two";
  ASSERT_TRUE(ok(create_file_at({mapped_, one}, "", 0644)));
  EXPECT_TRUE(ok(link_at({mapped_, one}, {mapped_, two})));
  EXPECT_TRUE(fails_with(EXDEV, link_at({dir_, one}, {mapped_, "three"})));
}

TEST_F(IdMapTest, NobodyElseIsTouched) {
  const std::string name = "file";
  ASSERT_TRUE(ok(create_file_at({dir_, name}, "", 0644)));
  EXPECT_EQ(owner_of(name), "0:0");
}

} // namespace
} // namespace dind::sys
