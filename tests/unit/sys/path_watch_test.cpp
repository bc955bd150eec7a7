#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/path_watch.hpp>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dind::sys {
namespace {

using test::ok;
using test::TempDir;

bool has_news(const PathWatch& watch, int timeout = 0) {
  pollfd polled{watch.fd().get(), POLLIN, 0};
  return ::poll(&polled, 1, timeout) == 1;
}

bool is_there(PathWatch& watch) {
  const auto exists = watch.exists();
  EXPECT_TRUE(ok(exists));
  return exists && *exists;
}

TEST(PathWatchTest, SeesAFileAppear) {
  const TempDir dir;
  auto watch = PathWatch::open(dir.path() / "done");
  ASSERT_TRUE(ok(watch));
  EXPECT_FALSE(is_there(*watch));
  EXPECT_FALSE(has_news(*watch));
  dir.write("done", "");
  EXPECT_TRUE(has_news(*watch, -1));
  EXPECT_TRUE(is_there(*watch));
}

TEST(PathWatchTest, SeesWhatWasThereBefore) {
  const TempDir dir;
  dir.write("done", "");
  auto watch = PathWatch::open(dir.path() / "done");
  ASSERT_TRUE(ok(watch));
  EXPECT_TRUE(is_there(*watch));
}

TEST(PathWatchTest, SeesAFileThatIsMovedThere) {
  const TempDir dir;
  const auto other = dir.write("other", "");
  auto watch = PathWatch::open(dir.path() / "done");
  ASSERT_TRUE(ok(watch));
  ASSERT_EQ(::rename(other.c_str(), (dir.path() / "done").c_str()), 0);
  EXPECT_TRUE(has_news(*watch, -1));
  EXPECT_TRUE(is_there(*watch));
}

TEST(PathWatchTest, FollowsDirectoriesThatAreMadeOnTheWay) {
  const TempDir dir;
  auto watch = PathWatch::open(dir.path() / "a/b/done");
  ASSERT_TRUE(ok(watch));
  for (const char* made : {"a", "a/b"}) {
    ASSERT_EQ(::mkdir((dir.path() / made).c_str(), 0755), 0);
    EXPECT_TRUE(has_news(*watch, -1));
    EXPECT_FALSE(is_there(*watch));
  }
  dir.write("a/b/done", "");
  EXPECT_TRUE(has_news(*watch, -1));
  EXPECT_TRUE(is_there(*watch));
}

TEST(PathWatchTest, SeesADirectoryThatIsMadeAnew) {
  const TempDir dir;
  const auto shared = dir.path() / "shared";
  ASSERT_EQ(::mkdir(shared.c_str(), 0755), 0);
  auto watch = PathWatch::open(shared / "done");
  ASSERT_TRUE(ok(watch));
  ASSERT_EQ(::rmdir(shared.c_str()), 0);
  EXPECT_FALSE(is_there(*watch));
  ASSERT_EQ(::mkdir(shared.c_str(), 0755), 0);
  EXPECT_FALSE(is_there(*watch));
  dir.write("shared/done", "");
  EXPECT_TRUE(has_news(*watch, -1));
  EXPECT_TRUE(is_there(*watch));
}

} // namespace
} // namespace dind::sys
