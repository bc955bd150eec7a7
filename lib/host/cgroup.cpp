#include <host/cgroup.hpp>

#include <sys/file.hpp>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace dind::host {
namespace {

constexpr std::size_t kCgroupFileLimit = 16U << 20U;
constexpr int kRounds = 10;
constexpr const char* kSubtreeControl = "cgroup.subtree_control";

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> found;
  for (std::string word; stream >> word;) {
    found.push_back(word);
  }
  return found;
}

Result<void> write_to(const fs::path& path, const std::string& text) {
  const Fd fd = TRY(sys::open_path(path, O_WRONLY));
  return sys::write_all(fd, text).within(path.native());
}

// Moves what is there now and returns how many went. The kernel takes one pid a
// write; ESRCH means that the process has ended, EINVAL that it is a kernel thread.
Result<unsigned> evacuate(const fs::path& root, const Fd& into) {
  const std::string pids = TRY(sys::read_file(root / "cgroup.procs", kCgroupFileLimit));
  unsigned moved = 0;
  for (const std::string& pid : words(pids)) {
    if (sys::write_all(into, pid)) {
      ++moved;
    }
  }
  return moved;
}

std::vector<std::string> missing_controllers(const std::vector<std::string>& available,
                                             const std::vector<std::string>& enabled) {
  std::vector<std::string> missing;
  std::copy_if(available.begin(), available.end(), std::back_inserter(missing),
               [&](const std::string& name) {
                 return std::find(enabled.begin(), enabled.end(), name) == enabled.end();
               });
  return missing;
}

} // namespace

std::string subtree_request(std::string_view available, std::string_view enabled) {
  std::string request;
  for (const std::string& name : missing_controllers(words(available), words(enabled))) {
    request += (request.empty() ? "+" : " +") + name;
  }
  return request;
}

Result<Nesting> nest_cgroups(const fs::path& root) {
  Nesting nesting;
  const auto controllers = sys::read_file(root / "cgroup.controllers", kCgroupFileLimit);
  if (!controllers) {
    if (controllers.error().is(std::errc::no_such_file_or_directory)) {
      return nesting; // cgroup v1, or no cgroups at all
    }
    return controllers.error();
  }
  nesting.unified = true;

  TRY(sys::make_dirs(root / "init", 0755));
  const Fd procs = TRY(sys::open_path(root / "init" / "cgroup.procs", O_WRONLY));
  std::string enabled;
  for (int round = 0; round < kRounds; ++round) {
    nesting.moved += TRY(evacuate(root, procs));
    enabled = TRY(sys::read_file(root / kSubtreeControl, kCgroupFileLimit));
    const std::string request = subtree_request(*controllers, enabled);
    if (request.empty() || write_to(root / kSubtreeControl, request)) {
      break;
    }
  }

  // One request is all or nothing. What is still missing is asked for one by one, so that a
  // controller that cannot be had does not cost the others.
  enabled = TRY(sys::read_file(root / kSubtreeControl, kCgroupFileLimit));
  for (const std::string& name : missing_controllers(words(*controllers), words(enabled))) {
    if (!write_to(root / kSubtreeControl, "+" + name)) {
      nesting.not_enabled.push_back(name);
    }
  }
  nesting.enabled = words(TRY(sys::read_file(root / kSubtreeControl, kCgroupFileLimit)));
  return nesting;
}

} // namespace dind::host
