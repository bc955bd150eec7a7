#include <sys/btrfs.hpp>

#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;

const std::string kBase = "base";
const std::string kCopy = "copy";
const std::string kFile = "file";

class BtrfsTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(test::enter_mount_namespace(), "mount namespaces");
    image_.emplace("btrfs");
    NEEDS(image_->is_mounted(), "mkfs.btrfs, btrfs and loop devices");
    dir_ = open_dir(image_->path()).value();
  }

  std::optional<test::ImageMount> image_;
  Fd dir_;
};

TEST_F(BtrfsTest, ASnapshotHoldsWhatItsSourceHeldAndIsWrittenToAlone) {
  ASSERT_TRUE(ok(create_subvolume({dir_, kBase})));
  const Fd base = open_dir_at({dir_, kBase}).value();
  ASSERT_TRUE(ok(create_file_at({base, kFile}, "base", 0644)));
  ASSERT_TRUE(ok(snapshot_subvolume(base, {dir_, kCopy})));
  const Fd copy = open_dir_at({dir_, kCopy}).value();
  ASSERT_TRUE(ok(replace_file_at({copy, kFile}, "copy", 0644, Durable::no)));
  EXPECT_EQ(*read_file_at({base, kFile}, 100), "base");
  EXPECT_EQ(*read_file_at({copy, kFile}, 100), "copy");
}

TEST_F(BtrfsTest, DeletesASubvolumeWithItsFiles) {
  ASSERT_TRUE(ok(create_subvolume({dir_, kBase})));
  {
    const Fd base = open_dir_at({dir_, kBase}).value();
    ASSERT_TRUE(ok(create_file_at({base, kFile}, "base", 0644)));
  }
  ASSERT_TRUE(ok(delete_subvolume({dir_, kBase})));
  EXPECT_TRUE(list_dir(dir_)->empty());
}

TEST_F(BtrfsTest, DeletesNoSubvolumeThatHoldsAnother) {
  ASSERT_TRUE(ok(create_subvolume({dir_, kBase})));
  const Fd base = open_dir_at({dir_, kBase}).value();
  ASSERT_TRUE(ok(create_subvolume({base, kCopy})));
  EXPECT_TRUE(fails_with(ENOTEMPTY, delete_subvolume({dir_, kBase})));
  EXPECT_TRUE(ok(delete_subvolume({base, kCopy})));
}

TEST_F(BtrfsTest, MakesNoSnapshotOfAPlainDirectory) {
  ASSERT_TRUE(ok(make_dir_at({dir_, kBase}, 0755)));
  const Fd base = open_dir_at({dir_, kBase}).value();
  EXPECT_TRUE(fails_with(EINVAL, snapshot_subvolume(base, {dir_, kCopy})));
}

TEST_F(BtrfsTest, RefusesANameThatIsTooLongForTheKernel) {
  EXPECT_TRUE(fails_with(ENAMETOOLONG, create_subvolume({dir_, std::string(5000, 'x')})));
  EXPECT_TRUE(fails_with(ENAMETOOLONG, create_subvolume({dir_, std::string(300, 'x')})));
}

TEST_F(BtrfsTest, IsOnlyForBtrfs) {
  const test::TempDir elsewhere("/dev/shm");
  EXPECT_TRUE(fails_with(ENOTTY, create_subvolume({elsewhere.fd(), kBase})));
}

} // namespace
} // namespace dind::sys
