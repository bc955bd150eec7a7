#include <cache/canary.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/xattr.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace dind::cache {
namespace {

using test::ok;
using test::TempDir;

class CanaryTest : public testing::Test {
protected:
  void SetUp() override {
    const auto made = make_canary(cache_.fd());
    ASSERT_TRUE(ok(made));
    ASSERT_TRUE(*made) << "needs CAP_SETFCAP and a filesystem with capabilities";
  }

  std::string path(const std::string& name) const { return (cache_ / ("canary/" + name)).native(); }

  Damage check() const {
    const auto damage = check_canary(cache_.fd(), Manifest());
    EXPECT_TRUE(ok(damage));
    return damage ? *damage : Damage();
  }

  const TempDir cache_;
};

TEST_F(CanaryTest, IsWholeWhereItWasMade) {
  const Damage damage = check();
  EXPECT_TRUE(damage.is_whole());
  EXPECT_TRUE(damage.notes.empty());
}

TEST_F(CanaryTest, TellsOfALostOwner) {
  ::chown(path("owner").c_str(), 0, 0);
  const Damage damage = check();
  ASSERT_EQ(damage.altered.size(), 1U);
  EXPECT_EQ(damage.altered[0], "owner of owner is 0:0, not 1234:2345");
}

TEST_F(CanaryTest, TellsOfALostSetuidBit) {
  ::chmod(path("setuid").c_str(), 0755);
  const Damage damage = check();
  ASSERT_EQ(damage.altered.size(), 1U);
  EXPECT_EQ(damage.altered[0], "mode of setuid is 755, not 4755");
}

TEST_F(CanaryTest, TellsOfALostCapability) {
  ASSERT_EQ(::removexattr(path("capability").c_str(), "security.capability"), 0);
  const Damage damage = check();
  ASSERT_EQ(damage.altered.size(), 1U);
  EXPECT_EQ(damage.altered[0], "capability of capability is lost");
}

TEST_F(CanaryTest, TellsOfHardLinksThatBecameFiles) {
  ::unlink(path("other-link").c_str());
  cache_.write("canary/other-link", "canary\n");
  EXPECT_FALSE(check().is_whole());
}

TEST_F(CanaryTest, TakesFurtherNamesForHarmless) {
  ASSERT_EQ(::link(path("setuid").c_str(), path("seeded").c_str()), 0);
  const auto damage = check();
  EXPECT_TRUE(damage.is_whole()) << damage.altered.front();
}

TEST_F(CanaryTest, TellsOfAMissingFile) {
  ::unlink(path("setuid").c_str());
  EXPECT_EQ(check().missing, std::vector<std::string>{"setuid"});
}

TEST_F(CanaryTest, TakesChangedTimesForHarmless) {
  const timespec now[2] = {{1, 0}, {1, 0}};
  ::utimensat(AT_FDCWD, path("setuid").c_str(), now, 0);
  const Damage damage = check();
  EXPECT_TRUE(damage.is_whole());
  EXPECT_EQ(damage.notes.size(), 1U);
}

} // namespace
} // namespace dind::cache
