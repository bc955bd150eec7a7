#include <bake/target.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::bake {
namespace {

using test::fails_saying;
using test::ok;

const std::string kVolume = "/docker/volumes/" + std::string(64, 'a') + "/_data";

const std::vector<sys::MountEntry> kMounts = {
    {"/", "/", "", "overlay", "overlay"},
    {kVolume, "/data", "", "ext4", "/dev/sda"},
    {"/docker/volumes/mine/_data", "/named", "", "ext4", "/dev/sda"},
    {"/", "/data/tmp", "", "tmpfs", "tmpfs"},
    {"/srv", "/over", "", "ext4", "/dev/sda"},
    {kVolume, "/over", "", "ext4", "/dev/sda"},
};

TEST(TargetTest, RefusesTheEnginesDataAndNamelessVolumes) {
  for (const char* const path :
       {"/var/lib/docker", "/var/lib/docker/cache", "/var/lib/containerd/a/b", "/data/cache",
        "/data", "/over/cache"}) {
    EXPECT_TRUE(fails_saying("VOLUME", check_target(path, kMounts))) << path;
  }
}

TEST(TargetTest, TakesEveryOtherPlace) {
  for (const char* const path : {"/var/lib/dind-cache", "/var/lib/docker-cache", "/named/cache",
                                 "/data/tmp/cache", "/database/cache", "/cache"}) {
    EXPECT_TRUE(ok(check_target(path, kMounts))) << path;
  }
}

} // namespace
} // namespace dind::bake
