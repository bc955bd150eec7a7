#include <base/fd.hpp>

#include <gtest/gtest.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace dind {
namespace {

bool is_open(int raw) {
  return ::fcntl(raw, F_GETFD) != -1;
}

int opened() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST(FdTest, ClosesWhatItOwns) {
  const int raw = opened();
  { const Fd fd(raw); }
  EXPECT_FALSE(is_open(raw));
}

TEST(FdTest, ClosesTheOldWhenItIsGivenANewOne) {
  const int first = opened();
  const int second = opened();
  Fd fd(first);
  fd = Fd(second);
  EXPECT_FALSE(is_open(first));
  EXPECT_TRUE(is_open(second));
  EXPECT_EQ(fd.get(), second);
}

TEST(FdTest, GivesUpWhatIsMovedOrReleased) {
  const int raw = opened();
  {
    Fd from(raw);
    Fd to(std::move(from));
    EXPECT_EQ(to.get(), raw);
    EXPECT_EQ(to.release(), raw);
    EXPECT_FALSE(to);
  }
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

TEST(FdTest, KeepsTheErrnoThatIsBeingReported) {
  errno = EXDEV;
  { const Fd fd(-2); } // whose close fails with EBADF
  EXPECT_EQ(errno, EXDEV);
}

} // namespace
} // namespace dind
