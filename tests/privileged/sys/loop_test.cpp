#include <sys/loop.hpp>

#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <optional>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;
using test::TempDir;

class LoopTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(test::enter_mount_namespace(), "mount namespaces");
    NEEDS(::access("/sys/block", R_OK) == 0, "/sys");
    file_ = open_path(dir_.write("image", std::string(1U << 20U, 'x')), O_RDWR).value();
    NEEDS(LoopDevice::attach(file_), "loop devices");
  }

  // Whether the kernel has a loop device over our file.
  bool is_attached() const {
    const Fd blocks = open_dir("/sys/block").value();
    const auto entries = list_dir(blocks);
    for (const DirEntry& entry : *entries) {
      const auto backing = read_file("/sys/block/" + entry.name + "/loop/backing_file", 8192);
      if (backing && backing->find(dir_.path().native()) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  const TempDir dir_;
  Fd file_;
};

TEST_F(LoopTest, ShowsTheFileAsADeviceUntilItIsLetGo) {
  {
    const auto device = LoopDevice::attach(file_);
    ASSERT_TRUE(ok(device));
    EXPECT_TRUE(is_attached());
    EXPECT_EQ(*read_file(device->path(), 2U << 20U), std::string(1U << 20U, 'x'));
  }
  EXPECT_FALSE(is_attached());
}

TEST_F(LoopTest, AttachesSeveralAtOnce) {
  const auto first = LoopDevice::attach(file_);
  const auto second = LoopDevice::attach(file_);
  ASSERT_TRUE(ok(first));
  ASSERT_TRUE(ok(second));
  EXPECT_NE(first->path(), second->path());
}

// As in a container, whose /dev is a tmpfs with the nodes of the day it started.
TEST_F(LoopTest, MakesTheNodesThatDevLacksAndRemovesThem) {
  ASSERT_TRUE(ok(mount("tmpfs", "/dev", "tmpfs", 0, "")));
  {
    auto device = LoopDevice::attach(file_);
    EXPECT_TRUE(ok(device));
    EXPECT_TRUE(!device || ::access(device->path().c_str(), F_OK) == 0);
  }
  const Fd dev = open_dir("/dev").value();
  EXPECT_TRUE(list_dir(dev)->empty());
  EXPECT_TRUE(ok(unmount("/dev")));
  EXPECT_FALSE(is_attached());
}

// A /dev in which nothing is a device but what is bound on it.
class GivenDevices {
public:
  explicit GivenDevices(const fs::path& all) : all_(all) {
    EXPECT_TRUE(ok(bind_mount("/dev", all_)));
    EXPECT_EQ(::mount("tmpfs", "/dev", "tmpfs", MS_NODEV, nullptr), 0);
  }
  ~GivenDevices() {
    EXPECT_TRUE(ok(unmount("/dev")));
    EXPECT_TRUE(ok(unmount(all_)));
  }
  void give(const std::string& name) const {
    EXPECT_TRUE(ok(replace_file("/dev/" + name, "", 0644, Durable::no)));
    EXPECT_TRUE(ok(bind_mount(all_ / name, "/dev/" + name)));
  }

private:
  fs::path all_;
};

TEST_F(LoopTest, TakesADeviceThatTheContainerWasGivenWhereItMayHaveNoOther) {
  std::optional<LoopDevice> probe(LoopDevice::attach(file_).value());
  probe->keep_node();
  const std::string free = fs::path(probe->path()).filename().native();
  const GivenDevices given(dir_.make_dir("dev"));
  EXPECT_TRUE(fails_with(EACCES, LoopDevice::attach(file_)));
  given.give(free);
  EXPECT_TRUE(
      test::fails_saying("1 loop devices are in /dev, all in use", LoopDevice::attach(file_)));
  probe.reset(); // detaches it
  const auto device = LoopDevice::attach(file_);
  ASSERT_TRUE(ok(device));
  EXPECT_EQ(device->path(), "/dev/" + free);
}

TEST_F(LoopTest, TakesNoNodeThatIsSomethingElse) {
  const std::string path = (dir_ / "node").native();
  dir_.write("node", "");
  EXPECT_TRUE(fails_with(ENOTBLK, DeviceNode::ensure(path, S_IFBLK, ::makedev(7, 0))));
  EXPECT_TRUE(dir_.has("node"));
}

TEST_F(LoopTest, KeepsANodeIfTold) {
  const std::string path = (dir_ / "node").native();
  {
    auto node = DeviceNode::ensure(path, S_IFCHR, ::makedev(1, 3));
    ASSERT_TRUE(ok(node));
    node->keep();
  }
  EXPECT_TRUE(dir_.has("node"));
}

} // namespace
} // namespace dind::sys
