#include <store/layer_check.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <sys/xattr.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::ok;

constexpr std::size_t kSize = 100'000;

// One layer, copied onto a filesystem that can set blocks aside, and what a power cut leaves of one
// of its files: names and sizes come from the journal, data from where it was written to, or was
// not.
class PowerCutTest : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    NEEDS(test::enter_mount_namespace(), "mounts");
    disk_.emplace(GetParam());
    NEEDS(disk_->is_mounted(), "loop devices and mkfs." + GetParam());
    layer_ = builder_.add_layer(test::TarBuilder()
                                    .directory("d")
                                    .file("d/file", std::string(kSize, 'x'))
                                    .file("d/zeros", std::string(kSize, '\0'))
                                    .finish());
    builder_.add_image("one:1", {*layer_});
    builder_.finish();
    const auto cache = cache::Cache::open(builder_.dir().path());
    ASSERT_TRUE(ok(cache));
    root_.emplace(disk_->path().native());
    test::Seeder seeder(*root_);
    seeder.caches = {&*cache};
    seeder.settings.seed = config::Strategy::copy;
    ASSERT_TRUE(ok(seeder.run()));
    chain_id_ = cache::chain_ids(std::vector{*layer_})[0];
    file_ = (root_->path() / "overlay2" / store::cache_id_of(*chain_id_) / "diff/d/file").native();
  }

  std::string flaw() {
    const auto state = store::read_state(root_->path().native()).value().of("overlay2");
    const auto found = store::find_flaw({root_->fd(), "overlay2", state}, *chain_id_, {}).value();
    return found ? found->why : std::string();
  }

  // Blocks that were set aside for a file, and do not count as written until they are.
  void set_aside(off_t from, off_t size) {
    const Fd file(::open(file_.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::fallocate(file.get(), FALLOC_FL_ZERO_RANGE, from, size), 0);
  }

  std::optional<test::ImageMount> disk_;
  std::optional<test::TempDir> root_;
  test::CacheBuilder builder_;
  std::optional<Digest> layer_;
  std::optional<Digest> chain_id_;
  std::string file_;
};

TEST_P(PowerCutTest, LeavesNothingToFindWhereAllWasWritten) {
  EXPECT_EQ(flaw(), "");
}

TEST_P(PowerCutTest, IsSeenInAFileThatIsTooShort) {
  ASSERT_EQ(::truncate(file_.c_str(), 0), 0);
  EXPECT_NE(flaw().find("d/file"), std::string::npos) << flaw();
}

TEST_P(PowerCutTest, IsSeenInAFileOfTheRightSizeWithoutData) {
  ASSERT_EQ(::truncate(file_.c_str(), 0), 0);
  ASSERT_EQ(::truncate(file_.c_str(), kSize), 0);
  EXPECT_NE(flaw().find("d/file: its content"), std::string::npos) << flaw();
}

TEST_P(PowerCutTest, IsSeenInBlocksThatWereSetAsideAndNeverWritten) {
  ASSERT_NO_FATAL_FAILURE(set_aside(64 << 10, 16 << 10));
  EXPECT_NE(flaw().find("d/file: its content"), std::string::npos) << flaw();
}

TEST_P(PowerCutTest, IsNotSeenInAHoleThatTheContentAllows) {
  std::string zeros = file_;
  zeros.replace(zeros.rfind('/'), std::string::npos, "/zeros");
  ASSERT_EQ(::truncate(zeros.c_str(), 0), 0);
  ASSERT_EQ(::truncate(zeros.c_str(), kSize), 0);
  EXPECT_EQ(flaw(), "");
}

INSTANTIATE_TEST_SUITE_P(On, PowerCutTest, testing::Values("ext4", "xfs"),
                         [](const auto& fs) { return fs.param; });

// In a user namespace layers have marks in user.*, and no devices.
TEST(PowerCutInAUserNamespaceTest, TakesMarksAndNotDevices) {
  NEEDS(::geteuid() == 0, "root");
  test::CacheBuilder builder;
  const Digest layer = builder.add_layer(test::TarBuilder()
                                             .file("file", "content")
                                             .directory("dir")
                                             .opaque("dir")
                                             .whiteout("gone")
                                             .char_device("null", 1, 3)
                                             .fifo("pipe")
                                             .finish());
  builder.add_image("one:1", {layer});
  builder.finish();
  const auto cache = cache::Cache::open(builder.dir().path());
  ASSERT_TRUE(ok(cache));
  const test::TempDir root;
  test::Seeder seeder(root);
  seeder.caches = {&*cache};
  seeder.facts.in_user_namespace = true;
  seeder.users.in_namespace = true;
  const auto report = seeder.run();
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->layers.at(Method::copy), 1U);

  const Digest chain_id = cache::chain_ids(std::vector{layer})[0];
  const auto diff = root.path() / "overlay2" / store::cache_id_of(chain_id) / "diff";
  EXPECT_EQ(test::stat_of(diff / "null").st_rdev, 0U); // a whiteout
  EXPECT_EQ(::access((diff / "pipe").c_str(), F_OK), 0);
  EXPECT_EQ(::access((diff / "gone").c_str(), F_OK), 0);
  const Fd dir = sys::open_dir(diff / "dir").value();
  EXPECT_EQ(sys::get_xattr(dir, "user.overlay.opaque").value(), "y");
  EXPECT_EQ(sys::get_xattr(dir, "trusted.overlay.opaque").value(), std::nullopt);

  const auto flaw = [&] {
    const auto state = store::read_state(root.path().native()).value().of("overlay2");
    const auto found =
        store::find_flaw({root.fd(), "overlay2", state, seeder.users}, chain_id, {}).value();
    return found ? found->why : std::string();
  };
  EXPECT_EQ(flaw(), "");
  ASSERT_TRUE(ok(sys::remove_xattr(dir, "user.overlay.opaque")));
  EXPECT_NE(flaw().find("not opaque any more"), std::string::npos) << flaw();
}

} // namespace
} // namespace dind::seed
