#include <host/cpus.hpp>

#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <sstream>

namespace dind::host {
namespace {

constexpr std::size_t kQuotaFileLimit = 1U << 20U;
constexpr const char* kController = "cpu";

// The mask grows with the machine: the kernel refuses one that is too small for it.
std::optional<unsigned> cpus_of_affinity() {
  constexpr int kFirst = 1024;
  constexpr int kLast = 1 << 20;
  const auto free_set = [](cpu_set_t* set) { CPU_FREE(set); };
  for (int count = kFirst; count <= kLast; count *= 2) {
    const auto size = static_cast<std::size_t>(count);
    const std::unique_ptr<cpu_set_t, decltype(free_set)> set(CPU_ALLOC(size), free_set);
    if (::sched_getaffinity(0, CPU_ALLOC_SIZE(size), set.get()) == 0) {
      return static_cast<unsigned>(CPU_COUNT_S(CPU_ALLOC_SIZE(size), set.get()));
    }
  }
  return std::nullopt;
}

std::optional<unsigned> quota_in(const std::string& dir) {
  if (const auto unified = sys::read_file(dir + "/cpu.max", kQuotaFileLimit)) {
    return cpus_of_quota(*unified);
  }
  const auto quota = sys::read_file(dir + "/cpu.cfs_quota_us", kQuotaFileLimit);
  const auto period = sys::read_file(dir + "/cpu.cfs_period_us", kQuotaFileLimit);
  return quota && period ? cpus_of_quota(*quota + " " + *period) : std::nullopt;
}

// The smallest quota of all that holds for us. Unreadable files set none.
std::optional<unsigned> cpus_of_quotas() {
  const auto mounts = sys::read_mountinfo();
  const auto cgroups = sys::read_file("/proc/self/cgroup", kQuotaFileLimit);
  std::optional<unsigned> least;
  if (!mounts || !cgroups) {
    return least;
  }
  for (const sys::MountEntry& mount : *mounts) {
    const bool is_unified = mount.type == "cgroup2";
    if (!is_unified && mount.type != "cgroup") {
      continue;
    }
    const auto cgroup = cgroup_of(*cgroups, is_unified ? "" : kController);
    if (!cgroup) {
      continue;
    }
    for (const std::string& dir :
         cgroup_dirs(mount.mount_point.native(), mount.root.native(), *cgroup)) {
      const auto quota = quota_in(dir);
      if (quota && (!least || *quota < *least)) {
        least = quota;
      }
    }
  }
  return least;
}

} // namespace

std::optional<unsigned> cpus_of_quota(std::string_view quota_and_period) {
  std::istringstream words{std::string(quota_and_period)};
  long long quota = 0;
  long long period = 0;
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return static_cast<unsigned>((quota - 1) / period + 1);
}

std::vector<std::string> cgroup_dirs(const std::string& mount_point, const std::string& root,
                                     const std::string& cgroup) {
  const std::string prefix = root == "/" ? "" : root;
  std::vector<std::string> dirs;
  if (cgroup.starts_with(prefix + "/") && cgroup.find("/..") == std::string::npos) {
    std::string rest = cgroup.substr(prefix.size());
    while (rest.size() > 1) {
      dirs.push_back(mount_point + rest);
      rest.erase(rest.rfind('/'));
    }
  }
  dirs.push_back(mount_point);
  return dirs;
}

std::optional<std::string> cgroup_of(std::string_view proc_cgroup, std::string_view controller) {
  std::istringstream lines{std::string(proc_cgroup)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string names = line.substr(first + 1, second - first - 1);
    const bool matches =
        controller.empty()
            ? names.empty()
            : ("," + names + ",").find(fmt::format(",{},", controller)) != std::string::npos;
    if (matches) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

unsigned count_cpus() {
  constexpr unsigned kLeast = 1;
  const unsigned allowed = cpus_of_affinity().value_or(kLeast);
  return std::max(kLeast, std::min(allowed, cpus_of_quotas().value_or(allowed)));
}

} // namespace dind::host
