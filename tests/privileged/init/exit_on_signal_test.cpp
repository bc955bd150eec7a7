#include <init/exit_on_signal.hpp>
#include <init/signals.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/temp_dir.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

namespace dind::init {
namespace {

using test::ok;

TEST(ExitOnSignalTest, DetachesAMountFirst) {
  NEEDS(test::enter_mount_namespace(), "mount namespaces");
  const test::TempDir place;
  const auto root = place.make_dir("root");
  ASSERT_TRUE(ok(sys::mount("tmpfs", root, "tmpfs", 0, "")));
  const test::Pipe busy;
  const pid_t child = test::fork_into([&] {
    const auto signals = SignalSource::open();
    const auto at_once = ExitOnSignal::begin();
    ExitOnSignal::detach_first(root.native());
    busy.send();
    return ::pause();
  });
  ASSERT_EQ(busy.receive(), 0);
  ASSERT_TRUE(sys::is_mount_point(root).value());
  ASSERT_EQ(::kill(child, SIGTERM), 0);
  EXPECT_EQ(test::exit_code_of(child), 143);
  EXPECT_FALSE(sys::is_mount_point(root).value());
}

} // namespace
} // namespace dind::init
