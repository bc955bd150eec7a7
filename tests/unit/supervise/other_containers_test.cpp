#include <support/expect.hpp>
#include <supervise/other_containers.hpp>

#include <unistd.h>

#include <algorithm>

namespace dind::supervise {
namespace {

using Pids = std::vector<pid_t>;

const Process kSandbox = {1, 0, 10, "mnt:[1]"};
const Process kSelf = {7, 0, 20, "mnt:[2]"};

TEST(OtherContainersTest, AreTheOldestWithoutParentInOtherContainers) {
  const std::vector<Process> all = {
      kSandbox,
      kSelf,
      {8, 7, 21, "mnt:[2]"},   // our dockerd
      {9, 0, 90, "mnt:[2]"},   // executed in our container
      {30, 0, 60, "mnt:[3]"},  // executed in theirs
      {20, 0, 50, "mnt:[3]"},  // theirs
      {21, 20, 55, "mnt:[3]"}, // its child
      {25, 0, 51, "mnt:[4]"},  // a third container's
      {40, 0, 61, ""},         // gone while we looked
  };
  EXPECT_EQ(other_main_processes(all, kSelf), (Pids{20, 25}));
}

TEST(OtherContainersTest, ThereMayBeNone) {
  EXPECT_EQ(other_main_processes({kSandbox, kSelf}, kSelf), Pids{});
}

TEST(OtherContainersTest, ProcessesAreReadFromProc) {
  const auto all = list_processes();
  ASSERT_TRUE(test::ok(all));
  const auto self = std::find_if(all->begin(), all->end(),
                                 [](const Process& one) { return one.pid == ::getpid(); });
  ASSERT_NE(self, all->end());
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_GT(self->started, 0U);
  EXPECT_TRUE(self->mount_namespace.starts_with("mnt:[")) << self->mount_namespace;
}

} // namespace
} // namespace dind::supervise
