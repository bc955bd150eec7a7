#include <host/runtime_dir.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace dind::host {
namespace {

using test::fails_with;
using test::ok;

// These refuse before anything is mounted, so they need no privileges.

TEST(RuntimeDirTest, FallsBackIntoTheDataRootWhereRunIsASymlink) {
  const test::TempDir run;
  const test::TempDir trap;
  const test::TempDir data;
  ASSERT_EQ(::symlink(trap.path().c_str(), (run / "dind-init").c_str()), 0);
  const auto dir = make_runtime_dir(data.path(), run / "dind-init");
  ASSERT_TRUE(ok(dir));
  EXPECT_EQ(*dir, data / ".dind-init/run");
  EXPECT_EQ(test::stat_of(*dir).st_mode & 07777U, 0700U);
}

TEST(RuntimeDirTest, FallsBackWhereOthersCanWrite) {
  const test::TempDir run;
  const test::TempDir data;
  ASSERT_EQ(::chmod(run.make_dir("dind-init").c_str(), 0777), 0);
  const auto dir = make_runtime_dir(data.path(), run / "dind-init");
  ASSERT_TRUE(ok(dir));
  EXPECT_EQ(*dir, data / ".dind-init/run");
}

TEST(RuntimeDirTest, FallsBackWhereRunIsNoFolder) {
  const test::TempDir run;
  const test::TempDir data;
  run.write("file", "");
  const auto dir = make_runtime_dir(data.path(), run / "file/dind-init");
  ASSERT_TRUE(ok(dir));
  EXPECT_EQ(*dir, data / ".dind-init/run");
}

TEST(RuntimeDirTest, RefusesAFallbackThatOthersCanWriteTo) {
  const test::TempDir run;
  const test::TempDir data;
  run.write("file", "");
  ASSERT_EQ(::chmod(data.make_dir(".dind-init/run").c_str(), 0777), 0);
  EXPECT_TRUE(fails_with(EPERM, make_runtime_dir(data.path(), run / "file/dind-init")));
}

} // namespace
} // namespace dind::host
