#include <registry/missed.hpp>

#include <support/temp_dir.hpp>
#include <sys/file.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::registry {
namespace {

class MissedTest : public testing::Test {
protected:
  Fd open() const {
    return sys::open_path(dir_ / "missed", O_RDWR | O_APPEND | O_CREAT, 0600).value();
  }

  const test::TempDir dir_;
  const std::string digest_ = "@sha256:" + std::string(64, 'a');
};

TEST_F(MissedTest, HasEachOnce) {
  Missed missed(open());
  missed.add("alpine:3.20");
  missed.add("ghcr.io/a/b:1");
  missed.add("alpine:3.20");
  EXPECT_EQ(dir_.read("missed"), "alpine:3.20\nghcr.io/a/b:1\n");
}

TEST_F(MissedTest, ADigestAfterATagIsTheTags) {
  Missed missed(open());
  missed.add("alpine" + digest_);
  missed.add("alpine:3.20");
  missed.add("registry.example:5000/x:1");
  missed.add("registry.example:5000/x" + digest_);
  EXPECT_EQ(dir_.read("missed"), "alpine" + digest_ + "\nalpine:3.20\nregistry.example:5000/x:1\n");
}

TEST_F(MissedTest, GoesOnAfterItsProcessDied) {
  Missed(open()).add("alpine:3.20");
  Missed again(open());
  again.add("alpine:3.20");
  again.add("busybox:1");
  EXPECT_EQ(dir_.read("missed"), "alpine:3.20\nbusybox:1\n");
}

TEST_F(MissedTest, IsBounded) {
  Missed missed(open());
  const std::string long_name(200, 'n');
  for (int i = 0; i < 4000; ++i) {
    missed.add(long_name + ":" + std::to_string(i));
  }
  EXPECT_LE(dir_.read("missed").size(), kMissedLimit);
  EXPECT_GT(dir_.read("missed").size(), kMissedLimit - 1000);
}

} // namespace
} // namespace dind::registry
