#include <sys/locked_dir.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace dind::sys {
namespace {

using test::ok;

TEST(LockedDirTest, IsAnOrphanOnceItsOwnerIsGone) {
  const test::TempDir dir;
  std::optional<LockedDir> owned = make_locked_dir(dir.fd(), ".x-").value();
  const std::string name = owned->name;
  dir.write(name + "/file", "");
  remove_orphans(dir.fd(), ".x-");
  EXPECT_TRUE(dir.has(name));
  owned.reset();
  remove_orphans(dir.fd(), ".y-");
  EXPECT_TRUE(dir.has(name));
  remove_orphans(dir.fd(), ".x-");
  EXPECT_FALSE(dir.has(name));
}

TEST(LockedDirTest, IsKnownByItsWholeName) {
  EXPECT_TRUE(is_locked_dir(".x-0123abcd", ".x-"));
  for (const char* const other : {".x-0123abc", ".x-0123abcde", ".x-0123abcg", ".y-0123abcd", ""}) {
    EXPECT_FALSE(is_locked_dir(other, ".x-")) << other;
  }
}

TEST(LockedDirTest, LeavesASymlinkOfSuchANameAlone) {
  const test::TempDir dir;
  dir.write("theirs/file", "");
  const std::string link = ".x-0123abcd";
  ASSERT_TRUE(ok(symlink_at("theirs", {dir.fd(), link})));
  remove_orphans(dir.fd(), ".x-");
  EXPECT_TRUE(dir.has(link));
  EXPECT_TRUE(dir.has("theirs/file"));
}

} // namespace
} // namespace dind::sys
