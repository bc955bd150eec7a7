#include <host/probe.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

namespace dind::host {
namespace {

using test::ok;
using test::TempDir;

TEST(ProbeTest, FindsThatAnOverlayOverTheCacheCanBeMountedAndLeavesNothing) {
  const TempDir root;
  const TempDir cache;
  cache.write("sample/file", "x");
  root.make_dir("own");
  const auto facts = probe(root.fd(), "own", {(cache / "sample").native()});
  ASSERT_TRUE(ok(facts));
  ASSERT_EQ(facts->caches.size(), 1U);
  EXPECT_TRUE(facts->caches[0].borrow.holds) << facts->caches[0].borrow.why;
  EXPECT_TRUE(facts->overlay.holds) << facts->overlay.why;
  EXPECT_GT(facts->free.bytes, 0U);
  const Fd own = sys::open_dir(root / "own").value();
  EXPECT_TRUE(sys::list_dir(own)->empty());
}

// An overlay as the data root: its upper cannot be on one.
TEST(ProbeTest, FindsThatADataRootOnAnOverlayCannotHoldAnUpper) {
  const TempDir base("/dev/shm");
  for (const char* name : {"lower", "upper", "work", "merged"}) {
    base.make_dir(name);
  }
  ASSERT_TRUE(ok(sys::mount("overlay", base / "merged", "overlay", 0,
                            fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work",
                                        base.path().native()))));
  {
    const Fd root = sys::open_dir(base / "merged").value();
    const std::string own = "own";
    ASSERT_TRUE(ok(sys::make_dir_at({root, own}, 0700)));
    const auto facts = probe(root, own, {});
    ASSERT_TRUE(ok(facts));
    EXPECT_FALSE(facts->overlay.holds);
    EXPECT_NE(facts->overlay.why.find("on overlay"), std::string::npos) << facts->overlay.why;
    EXPECT_EQ(facts->data_root_filesystem, "overlay");
  }
  ASSERT_TRUE(ok(sys::unmount(base / "merged")));
}

TEST(ProbeTest, NamesACacheThatIsNotThere) {
  const TempDir root;
  root.make_dir("own");
  const auto facts = probe(root.fd(), "own", {"/nonexistent/sample"});
  ASSERT_TRUE(ok(facts));
  EXPECT_FALSE(facts->caches[0].borrow.holds);
  EXPECT_TRUE(facts->overlay.holds) << facts->overlay.why;
}

} // namespace
} // namespace dind::host
