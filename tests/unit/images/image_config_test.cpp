#include <images/image_config.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::images {
namespace {

using test::fails_saying;

TEST(PlatformTest, IsLinuxAnArchitectureAndPerhapsAVariant) {
  for (const char* const good : {"linux/amd64", "linux/arm/v7", "linux/ppc64le"}) {
    EXPECT_EQ(parse_platform(good).value(), good);
  }
  for (const char* const bad : {"", "linux", "linux/", "linux//v8", "linux/arm/", "linux/arm/v7/x",
                                "windows/amd64", "linux/arm 64"}) {
    EXPECT_TRUE(fails_saying("such as linux/arm64", parse_platform(bad))) << bad;
  }
}

} // namespace
} // namespace dind::images
