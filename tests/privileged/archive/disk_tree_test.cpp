#include <archive/disk_tree.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>

#include <sys/dir.hpp>
#include <sys/spawn.hpp>
#include <sys/xattr.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dind::archive {
namespace {

using test::ok;
using test::RecordingMarks;
using test::stat_of;
using test::TarBuilder;
using test::TarMember;
using test::TempDir;
using test::unpack;

// cap_net_raw=ep, version 2.
const std::string kCapability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);

class DiskTreeAsRootTest : public testing::Test {
protected:
  void SetUp() override { NEEDS(::geteuid() == 0, "root"); }

  Result<std::string> unpacked(const TarBuilder& tar) {
    return unpack(tar.finish(), dir_.fd(), marks_);
  }
  struct stat found(const std::string& name) {
    return stat_of(dir_ / name);
  }
  std::optional<std::string> xattr(const std::string& name, const std::string& attribute) {
    return sys::get_xattr_at({dir_.fd(), name}, attribute).value();
  }

  const TempDir dir_;
  RecordingMarks marks_;
};

TEST_F(DiskTreeAsRootTest, SetsOwnersAndKeepsSetuidBehindThem) {
  ASSERT_TRUE(ok(unpacked(
      TarBuilder()
          .add({.name = "d", .type = '5', .mode = 02755, .uid = 1, .gid = 50})
          .add({.name = "d/f", .content = "x", .mode = 06755, .uid = 1000, .gid = 4'000'000'000})
          .add({.name = "d/l", .type = '2', .uid = 7, .gid = 8, .link_name = "f"}))));
  EXPECT_EQ(found("d").st_mode, S_IFDIR | 02755U);
  EXPECT_EQ(found("d").st_gid, 50U);
  EXPECT_EQ(found("d/f").st_uid, 1000U);
  EXPECT_EQ(found("d/f").st_gid, 4'000'000'000U);
  EXPECT_EQ(found("d/f").st_mode & 07777U, 06755U);
  EXPECT_EQ(found("d/l").st_uid, 7U);
}

TEST_F(DiskTreeAsRootTest, SetsCapabilitiesAfterTheOwner) {
  ASSERT_TRUE(
      ok(unpacked(TarBuilder().add({.name = "ping",
                                    .content = "x",
                                    .mode = 0755,
                                    .uid = 33,
                                    .pax = {{"SCHILY.xattr.security.capability", kCapability}}}))));
  EXPECT_EQ(found("ping").st_uid, 33U);
  EXPECT_EQ(xattr("ping", "security.capability"), kCapability);
}

TEST_F(DiskTreeAsRootTest, LosesTheCapabilityThatALaterHardLinkDoesNotName) {
  ASSERT_TRUE(
      ok(unpacked(TarBuilder()
                      .add({.name = "a",
                            .content = "x",
                            .mode = 04755,
                            .pax = {{"SCHILY.xattr.security.capability", kCapability}}})
                      .add({.name = "b", .type = '1', .mode = 0755, .uid = 5, .link_name = "a"}))));
  EXPECT_EQ(xattr("a", "security.capability"), std::nullopt);
  EXPECT_EQ(found("a").st_mode & 07777U, 0755U);
  EXPECT_EQ(found("a").st_uid, 5U);
}

TEST_F(DiskTreeAsRootTest, SetsTrustedAttributesOfFilesDirectoriesAndSymlinks) {
  const test::PaxList pax = {{"SCHILY.xattr.trusted.test", "v"}};
  const auto made =
      unpacked(TarBuilder()
                   .add({.name = "d", .type = '5', .mode = 0755, .pax = pax})
                   .add({.name = "f", .pax = pax})
                   .add({.name = "l", .type = '2', .link_name = "nowhere", .pax = pax}));
  ASSERT_TRUE(ok(made));
  for (const char* name : {"d", "f", "l"}) {
    EXPECT_EQ(xattr(name, "trusted.test"), "v") << name;
  }
}

TEST_F(DiskTreeAsRootTest, ImpliesDirectoriesOfRootThatInheritSetgid) {
  ASSERT_TRUE(ok(unpacked(TarBuilder()
                              .add({.name = "d", .type = '5', .mode = 02775, .uid = 9, .gid = 9})
                              .add({.name = "d/implied/f", .uid = 9, .gid = 9}))));
  EXPECT_EQ(found("d/implied").st_uid, 0U);
  EXPECT_EQ(found("d/implied").st_gid, 0U);
  EXPECT_EQ(found("d/implied").st_mode, S_IFDIR | 02755U);
}

TEST_F(DiskTreeAsRootTest, TakesOwnersAndCapabilitiesFromGnuTarsArchives) {
  const TempDir source;
  source.write("bin/ping", "x");
  source.write("bin/su", "y");
  const Fd bin = sys::open_dir(source / "bin").value();
  const std::string ping = "ping";
  const std::string su = "su";
  ASSERT_TRUE(ok(sys::set_xattr_at({bin, ping}, "security.capability", kCapability)));
  ASSERT_TRUE(ok(sys::set_owner_at({bin, su}, 12, 34)));
  ASSERT_TRUE(ok(sys::set_mode_at({bin, su}, 04755)));
  const TempDir out;
  const auto made = sys::run({"tar", "--format=posix", "--xattrs", "--xattrs-include=*", "-cf",
                              (out / "x.tar").native(), "-C", source.path().native(), "bin"});
  ASSERT_TRUE(ok(made));
  ASSERT_TRUE(ok(unpack(out.read("x.tar"), dir_.fd(), marks_)));
  EXPECT_EQ(xattr("bin/ping", "security.capability"), kCapability);
  EXPECT_EQ(found("bin/su").st_uid, 12U);
  EXPECT_EQ(found("bin/su").st_mode & 07777U, 04755U);
}

TEST_F(DiskTreeAsRootTest, SaysThatTheDiskIsFull) {
  const TempDir outer;
  const auto mounted =
      sys::run({"mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", outer.path().native()});
  NEEDS(mounted && mounted->status.code == 0, "a tmpfs");
  {
    const Fd root = sys::open_dir(outer.path()).value();
    const std::string tar = TarBuilder().file("large", std::string(1U << 20U, 'x')).finish();
    const auto full = unpack(tar, root, marks_);
    EXPECT_TRUE(test::fails_with(ENOSPC, full));
    EXPECT_TRUE(test::fails_saying("write large: No space left on device", full));
  }
  EXPECT_TRUE(ok(sys::run({"umount", outer.path().native()})));
}

// The filesystem's own limit is the layer's fault: other images of an archive are baked.
TEST_F(DiskTreeAsRootTest, SaysThatAFileHasTooManyNames) {
  NEEDS(test::enter_mount_namespace(), "mount namespaces");
  const test::ImageMount ext4("ext4");
  NEEDS(ext4.is_mounted(), "loop devices, and mkfs.ext4");
  TarBuilder tar;
  tar.file("f", "");
  for (int i = 1; i <= 65'000; ++i) {
    tar.hard_link("l" + std::to_string(i), "f");
  }
  const Fd root = sys::open_dir(ext4.path()).value();
  const auto unpacked = unpack(tar.finish(), root, marks_);
  EXPECT_TRUE(test::fails_saying("its file has as many names as this filesystem takes", unpacked));
  EXPECT_TRUE(test::fails_with(0, unpacked)); // no error of the system
}

} // namespace
} // namespace dind::archive
