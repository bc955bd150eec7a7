#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>
#include <sys/spawn.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::fails_with;
using test::ok;
using test::TarBuilder;
using Names = std::vector<std::string>;

constexpr unsigned kFiles = 300;
constexpr std::size_t kBytes = 20'000;

std::string large_layer() {
  TarBuilder tar;
  tar.directory("large");
  for (unsigned number = 0; number < kFiles; ++number) {
    std::string content(kBytes, 'x');
    content.replace(0, 10, fmt::format("{:010}", number));
    tar.file(fmt::format("large/{}", number), content);
  }
  return tar.finish();
}

// Seeds a small image and one with a large layer into a data root that has no room for the
// latter, though the plan thinks so, or whose cache cannot be read.
class TroubleTest : public testing::Test {
protected:
  void SetUp() override { NEEDS(test::enter_mount_namespace(), "mounts"); }

  void make_cache() {
    builder_ = std::make_unique<test::CacheBuilder>();
    base_ = builder_->add_layer(TarBuilder().directory("etc").file("etc/kept", "kept").finish());
    large_ = builder_->add_layer(large_layer());
    builder_->add_image("small:1", {*base_});
    builder_->add_image("large:1", {*base_, *large_});
    builder_->finish();
    auto cache = cache::Cache::open(builder_->dir().path());
    ASSERT_TRUE(ok(cache));
    cache_.emplace(std::move(cache).value());
  }

  Result<SeedReport> seed_on(const std::string& filesystem) {
    root_ = std::make_unique<test::TempDir>(filesystem);
    return seed_again();
  }

  Result<SeedReport> seed_again() {
    test::Seeder seeder(*root_);
    seeder.facts.free = {1U << 30U, 1U << 20U}; // whatever there is
    seeder.facts.caches = {{.reflink = reflink_}};
    seeder.caches = {&*cache_};
    return seeder.run();
  }

  Names names_in(const std::string& path) const {
    Names names;
    const auto dir = sys::open_dir(root_->path() / path);
    const auto entries =
        dir ? sys::list_dir(*dir) : Result<std::vector<sys::DirEntry>>(dir.error());
    EXPECT_TRUE(ok(entries));
    for (const sys::DirEntry& entry : *entries) {
      names.push_back(entry.name);
    }
    return names;
  }

  // The large image is missing, with the reason, and nothing of it was left behind.
  void expect_only_the_small_image(const Result<SeedReport>& report, const std::string& why) {
    ASSERT_TRUE(ok(report));
    EXPECT_EQ(report->images_missing, Names{"large:1"});
    ASSERT_EQ(report->warnings.size(), 1U);
    EXPECT_NE(report->warnings[0].find(why), std::string::npos) << report->warnings[0];
    const auto state = store::read_state(root_->path().native()).value().of("overlay2");
    EXPECT_EQ(state.layers.size(), 1U);
    EXPECT_EQ(state.references.size(), 1U);
    EXPECT_EQ(names_in("overlay2").size(), 2U); // the layer, and l
    EXPECT_EQ(names_in("overlay2/l").size(), 1U);
    EXPECT_EQ(names_in(".dind-init/staging"), Names{});
  }

  void expect_both_images(const Result<SeedReport>& report) {
    ASSERT_TRUE(ok(report));
    EXPECT_EQ(report->images, 2U) << fmt::format("{}", fmt::join(report->warnings, "; "));
  }

  std::string mount_tmpfs(const std::string& options) {
    const auto path = place_.make_dir("tmpfs").native();
    EXPECT_TRUE(ok(sys::mount("tmpfs", path, "tmpfs", 0, options)));
    return path;
  }

  const test::TempDir place_;
  host::Fact reflink_;
  std::unique_ptr<test::CacheBuilder> builder_;
  std::optional<cache::Cache> cache_;
  std::optional<Digest> base_;
  std::optional<Digest> large_;
  std::unique_ptr<test::TempDir> root_;
};

TEST_F(TroubleTest, AFullVolumeKeepsWhatFitsAndNothingElse) {
  make_cache();
  const std::string disk = mount_tmpfs("size=4m");
  expect_only_the_small_image(seed_on(disk), "No space left on device");
  ASSERT_EQ(::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT, "size=64m"), 0);
  expect_both_images(seed_again());
}

TEST_F(TroubleTest, SoDoesOneWithoutInodes) {
  make_cache();
  const std::string disk = mount_tmpfs("nr_inodes=200");
  expect_only_the_small_image(seed_on(disk), "No space left on device");
  ASSERT_EQ(::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT, "nr_inodes=2000"), 0);
  expect_both_images(seed_again());
}

TEST_F(TroubleTest, SoDoesAQuota) {
  make_cache();
  const test::ImageMount disk("btrfs");
  NEEDS(disk.is_mounted(), "mkfs.btrfs and loop devices");
  const auto run = [](const std::vector<std::string>& argv) {
    const auto done = sys::run(argv);
    return done && done->status.code == 0;
  };
  NEEDS(run({"btrfs", "quota", "enable", disk.path().native()}), "btrfs quotas");
  NEEDS(run({"btrfs", "qgroup", "limit", "2m", "0/5", disk.path().native()}), "btrfs quotas");
  expect_only_the_small_image(seed_on(disk.path().native()), "Disk quota exceeded");
  ASSERT_TRUE(run({"btrfs", "qgroup", "limit", "none", "0/5", disk.path().native()}));
  expect_both_images(seed_again());
  root_.reset(); // before the disk goes
}

// The disk below the cache has lost its end: what is not in memory cannot be read.
TEST_F(TroubleTest, SoDoesACacheThatCannotBeRead) {
  const test::ImageMount disk("ext4", {"-O", "^has_journal"}, 64U << 20U);
  NEEDS(disk.is_mounted(), "loop devices");
  ::setenv("TMPDIR", disk.path().c_str(), 1);
  make_cache();
  ::unsetenv("TMPDIR");
  ASSERT_EQ(::syncfs(builder_->dir().fd().get()), 0);
  for (unsigned number = 0; number < kFiles; ++number) {
    const auto path =
        builder_->dir() / (cache::tree_dir(*large_) + fmt::format("/large/{}", number));
    const Fd file = sys::open_path(path, O_RDONLY).value();
    ASSERT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  }
  const auto image = disk.path().parent_path() / "image";
  ASSERT_EQ(::truncate(image.c_str(), 0), 0);
  expect_only_the_small_image(seed_on(""), "Input/output error");
  ASSERT_EQ(::truncate(image.c_str(), 64 << 20), 0);
  builder_.reset(); // before the disk goes
}

TEST_F(TroubleTest, SoDoesALayerThatHasVanished) {
  make_cache();
  const auto layer = builder_->dir() / cache::layer_dir(*large_);
  ASSERT_EQ(::rename(layer.c_str(), (builder_->dir() / "elsewhere").c_str()), 0);
  expect_only_the_small_image(seed_on(""), "No such file or directory");
  ASSERT_EQ(::rename((builder_->dir() / "elsewhere").c_str(), layer.c_str()), 0);
  expect_both_images(seed_again());
}

// Records cannot be renamed onto another filesystem.
TEST_F(TroubleTest, ALayerThatGetsNoRecordDoesNotKeepItsFiles) {
  make_cache();
  root_ = std::make_unique<test::TempDir>();
  const auto records = root_->make_dir("image/overlay2/layerdb/sha256");
  ASSERT_TRUE(ok(sys::mount("tmpfs", records, "tmpfs", 0, "size=1m")));
  const auto report = seed_again();
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images_missing.size(), 2U);
  EXPECT_EQ(names_in("overlay2"), Names{"l"});
  EXPECT_EQ(names_in("overlay2/l"), Names{});
  EXPECT_NE(report->why_missing.value().why.find("rename"), std::string::npos)
      << report->why_missing->why;
  ASSERT_TRUE(ok(sys::unmount(records)));
  expect_both_images(seed_again());
}

TEST_F(TroubleTest, AReadOnlyVolumeIsAnErrorThatSaysSo) {
  make_cache();
  const std::string disk = mount_tmpfs("");
  root_ = std::make_unique<test::TempDir>(disk);
  root_->make_dir(".dind-init");
  ASSERT_EQ(::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, ""), 0);
  test::Seeder seeder(*root_);
  seeder.caches = {&*cache_};
  const SeedPlan plan = seeder.plan();
  EXPECT_TRUE(fails_with(EROFS, seeder.execute(plan)));
  ASSERT_EQ(::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT, ""), 0);
}

TEST_F(TroubleTest, AVolumeOfAnotherUserStaysTheirs) {
  make_cache();
  root_ = std::make_unique<test::TempDir>();
  ASSERT_EQ(::chown(root_->path().c_str(), 1000, 1000), 0);
  ASSERT_EQ(::chmod(root_->path().c_str(), 0700), 0);
  expect_both_images(seed_again());
  EXPECT_EQ(test::stat_of(root_->path()).st_uid, 1000U);
  EXPECT_EQ(test::stat_of(root_->path() / "overlay2").st_uid, 0U);
}

// What the probe found may be gone when its turn comes.
TEST_F(TroubleTest, AMethodThatTheFilesystemRefusesGivesWayToTheNext) {
  make_cache();
  reflink_ = {true, "it was"};
  const auto report = seed_on(mount_tmpfs(""));
  expect_both_images(report);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->layers.at(Method::copy), 2U);
  ASSERT_EQ(report->warnings.size(), 2U);
  EXPECT_NE(report->warnings[0].find("so it was seeded by copy"), std::string::npos)
      << report->warnings[0];
}

} // namespace
} // namespace dind::seed
