#include <host/cpus.hpp>

#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

namespace dind::host {
namespace {

struct Quota {
  const char* text;
  std::optional<unsigned> cpus;
};

class QuotaTest : public testing::TestWithParam<Quota> {};

TEST_P(QuotaTest, IsRoundedUpToWholeCpus) {
  EXPECT_EQ(cpus_of_quota(GetParam().text), GetParam().cpus);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, QuotaTest,
    testing::Values(Quota{"max 100000\n", std::nullopt}, Quota{"-1\n 100000\n", std::nullopt},
                    Quota{"100000 100000\n", 1}, Quota{"100001 100000\n", 2},
                    Quota{"150000 100000\n", 2}, Quota{"1000 100000\n", 1},
                    Quota{"400000\n 100000\n", 4}, Quota{"", std::nullopt},
                    Quota{"100000", std::nullopt}, Quota{"100000 0", std::nullopt},
                    Quota{"0 100000", std::nullopt}, Quota{"four 100000", std::nullopt}));

using Dirs = std::vector<std::string>;

TEST(CgroupDirsTest, GoUpFromOurOwnToTheMountPoint) {
  EXPECT_EQ(cgroup_dirs("/cg", "/", "/a/b"), (Dirs{"/cg/a/b", "/cg/a", "/cg"}));
  EXPECT_EQ(cgroup_dirs("/cg", "/", "/"), Dirs{"/cg"});
}

// As Docker shows cgroup v1 to a container: its own part of the hierarchy alone.
TEST(CgroupDirsTest, BeginBelowWhatIsMounted) {
  EXPECT_EQ(cgroup_dirs("/cg/cpu", "/docker/1", "/docker/1/init"),
            (Dirs{"/cg/cpu/init", "/cg/cpu"}));
  EXPECT_EQ(cgroup_dirs("/cg/cpu", "/docker/1", "/docker/1"), Dirs{"/cg/cpu"});
}

TEST(CgroupDirsTest, AreTheMountPointForACgroupOutsideOfIt) {
  EXPECT_EQ(cgroup_dirs("/cg", "/docker/1", "/docker/12/a"), Dirs{"/cg"});
  EXPECT_EQ(cgroup_dirs("/cg", "/", "/../other"), Dirs{"/cg"});
}

TEST(CgroupOfTest, FindsTheLineOfAController) {
  constexpr const char* kText = "3:cpuset:/set\n2:cpu,cpuacct:/docker/1:2\n0::/unified\n";
  EXPECT_EQ(cgroup_of(kText, "cpu"), "/docker/1:2");
  EXPECT_EQ(cgroup_of(kText, "cpuacct"), "/docker/1:2");
  EXPECT_EQ(cgroup_of(kText, "cpuset"), "/set");
  EXPECT_EQ(cgroup_of(kText, ""), "/unified");
  EXPECT_EQ(cgroup_of(kText, "memory"), std::nullopt);
  EXPECT_EQ(cgroup_of("no colons\n", "cpu"), std::nullopt);
}

TEST(CpusTest, AreNoMoreThanTheAffinityAllows) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  const unsigned count = count_cpus();
  EXPECT_GE(count, 1U);
  EXPECT_LE(count, static_cast<unsigned>(CPU_COUNT(&before)));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
    }
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(count_cpus(), 1U);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

} // namespace
} // namespace dind::host
