#include <supervise/backing.hpp>

#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <sys/mount.h>
#include <unistd.h>

#include <future>
#include <tuple>

namespace dind::supervise {
namespace {

using namespace std::chrono_literals;
using test::ok;

// A sparse file of 5 GiB on a tmpfs that can be made smaller; a gigabyte is little.
class BackingTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(test::enter_mount_namespace(), "mount namespaces");
    ASSERT_TRUE(ok(sys::mount("tmpfs", dir_.path(), "tmpfs", 0, "size=1200m")));
    root_.backing = sys::open_path(dir_ / "data.ext4", O_RDWR | O_CREAT, 0600).value();
    ASSERT_EQ(::ftruncate(root_.backing.get(), 5LL << 30U), 0);
  }
  void TearDown() override { std::ignore = sys::unmount(dir_.path()); }

  void shrink() {
    EXPECT_EQ(::mount(nullptr, dir_.path().c_str(), nullptr, MS_REMOUNT, "size=900m"), 0);
  }

  const test::TempDir dir_;
  host::LoopRoot root_;
};

TEST_F(BackingTest, WarnsOfANewFileThatDoesNotFitAndOfAnyWhenLittleIsLeft) {
  EXPECT_EQ(look_at_backing(root_).warning, std::nullopt);
  root_.is_new = true;
  EXPECT_NE(look_at_backing(root_).warning.value_or("").find("may yet claim 5368709120 bytes"),
            std::string::npos);
  root_.is_new = false;
  shrink();
  EXPECT_NE(look_at_backing(root_).warning, std::nullopt);
}

TEST_F(BackingTest, IsWatchedUntilLittleIsLeft) {
  const Fd watched = look_at_backing(root_).to_watch;
  ASSERT_TRUE(watched);
  auto said = std::async(std::launch::async, [&] { return wait_until_low(watched, 5ms); });
  EXPECT_EQ(said.wait_for(100ms), std::future_status::timeout);
  shrink();
  EXPECT_NE(said.get().find("writes will fail"), std::string::npos);
  EXPECT_FALSE(look_at_backing(root_).to_watch);
}

} // namespace
} // namespace dind::supervise
