#include <boot/seeding.hpp>

#include <store/layout.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/tar_builder.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <boost/filesystem/operations.hpp>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>
#include <tuple>
#include <vector>

namespace dind::boot {
namespace {

using test::ok;
using test::TarBuilder;
using test::TempDir;

// A cache of one image, and a data root on a filesystem of the test's choice.
class SeedingTest : public testing::Test {
protected:
  void SetUp() override { NEEDS(test::enter_mount_namespace(), "mount namespaces"); }

  void TearDown() override {
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount) {
      EXPECT_TRUE(ok(sys::unmount(*mount)));
    }
  }

  SeedingTest() {
    TarBuilder tar;
    tar.directory("files");
    for (unsigned number = 0; number < 40; ++number) {
      tar.file(fmt::format("files/{}", number), std::string(2000, 'x'));
    }
    builder_.add_image("app:1", {builder_.add_layer(tar.finish())});
    builder_.finish();
    settings_.cache_dirs = {builder_.dir().path().native()};
  }

  sys::fs::path mount(const std::string& type, const std::string& options) {
    const sys::fs::path target = place_.make_dir(fmt::format("mount{}", mounts_.size()));
    EXPECT_TRUE(ok(sys::mount(type, target, type, 0, options)));
    mounts_.push_back(target);
    return target;
  }

  Seeding run(Mode mode) {
    board_ = report::StatusBoard();
    auto seeding = seed_data_root(settings_, mode, board_);
    EXPECT_TRUE(ok(seeding));
    return std::move(seeding).value();
  }

  // To the last byte.
  static void fill(const sys::fs::path& root) {
    const Fd file = sys::open_path(root / "filler", O_WRONLY | O_CREAT, 0600).value();
    const std::string block(4096, 'x');
    while (::write(file.get(), block.data(), block.size()) > 0) {
    }
    EXPECT_EQ(errno, ENOSPC);
  }

  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }

  test::CacheBuilder builder_;
  const TempDir place_;
  std::vector<sys::fs::path> mounts_;
  config::Settings settings_;
  report::StatusBoard board_;
};

TEST_F(SeedingTest, ADryRunNeedsNoDataRootAndMakesNone) {
  const auto root = mount("tmpfs", "");
  settings_.data_root = (root / "not/yet").native();
  const Seeding seeding = run(Mode::dry_run);
  EXPECT_EQ(seeding.plan.kind, seed::SeedPlan::Kind::layers);
  EXPECT_EQ(seeding.driver.driver, "overlay2");
  EXPECT_EQ(seeding.plan.images.size(), 1U);
  EXPECT_TRUE(boost::filesystem::is_empty(root));
}

TEST_F(SeedingTest, ADryRunPlansNothingWhereNothingCanBeWritten) {
  const auto root = mount("tmpfs", "");
  ASSERT_EQ(::mount(nullptr, root.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  settings_.data_root = root.native();
  const Seeding seeding = run(Mode::dry_run);
  EXPECT_EQ(seeding.plan.kind, seed::SeedPlan::Kind::impossible);
  EXPECT_EQ(seeding.driver.driver, "");
  expect_part(seeding.driver.refused.back().why, "Read-only file system");
}

// A lower rung would be the data root's for good.
TEST_F(SeedingTest, AloneItLeavesALoopDeviceToTheBoot) {
  const auto tmpfs = mount("tmpfs", "");
  for (const char* name : {"lower", "upper", "work"}) {
    ASSERT_TRUE(ok(sys::make_dirs(tmpfs / name, 0755)));
  }
  const auto root =
      mount("overlay",
            fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", tmpfs.native()));
  settings_.data_root = root.native();
  const Seeding seeding = run(Mode::seed_only);
  NEEDS(seeding.seen.facts.loop.holds, "loop devices");
  expect_part(seeding.plan.why, "dind-init mounts when it boots");
  EXPECT_TRUE(seeding.failure);
  for (const char* driver : {"overlay2", "fuse-overlayfs", "vfs"}) {
    EXPECT_FALSE(boost::filesystem::exists(root / driver)) << driver;
  }
}

TEST_F(SeedingTest, AFullDataRootKeepsItsImages) {
  const auto root = mount("tmpfs", "size=1m");
  settings_.data_root = root.native();
  std::ignore = run(Mode::seed_only);
  ASSERT_EQ(board_.status().result, report::Outcome::ok) << board_.status().reason;

  fill(root);
  const Seeding again = run(Mode::seed_only);
  EXPECT_FALSE(again.failure);
  EXPECT_EQ(board_.status().result, report::Outcome::ok) << board_.status().reason;
  EXPECT_EQ(board_.status().images, 1U);
  EXPECT_EQ(again.driver.driver, "overlay2");
}

TEST_F(SeedingTest, AFullDataRootKeepsItsImagesWhenTheKernelBootsAgain) {
  const auto root = mount("tmpfs", "size=1m");
  settings_.data_root = root.native();
  const std::string boot_id = run(Mode::seed_only).seen.boot_id;
  ASSERT_EQ(board_.status().result, report::Outcome::ok) << board_.status().reason;
  const sys::fs::path receipt = root / store::kOwnDir / seed::kReceiptName;
  std::string text = sys::read_file(receipt, 1U << 20U).value();
  text.replace(text.find(boot_id), boot_id.size(), boot_id.size(), '0');
  ASSERT_TRUE(ok(sys::replace_file(receipt, text, 0600, sys::Durable::no)));

  fill(root);
  const Seeding again = run(Mode::seed_only);
  EXPECT_FALSE(again.failure);
  EXPECT_EQ(board_.status().result, report::Outcome::ok) << board_.status().reason;
  EXPECT_EQ(board_.status().images, 1U);
  ASSERT_EQ(board_.status().warnings.size(), 1U);
  expect_part(board_.status().warnings.front(), "No space left on device");
  EXPECT_EQ(sys::read_file(receipt, 1U << 20U).value(), text);
}

// dockerd itself says then what is wrong.
TEST_F(SeedingTest, AFullDataRootThatHoldsNothingIsHeldToNoDriver) {
  const auto root = mount("tmpfs", "size=16k");
  settings_.data_root = root.native();
  fill(root);
  const Seeding seeding = run(Mode::seed_only);
  EXPECT_TRUE(seeding.failure);
  EXPECT_EQ(seeding.driver.driver, "");
  EXPECT_FALSE(boost::filesystem::exists(root / "vfs"));
}

} // namespace
} // namespace dind::boot
