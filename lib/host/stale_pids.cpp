#include <host/stale_pids.hpp>

#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <dirent.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace dind::host {
namespace {

constexpr std::size_t kPidFileLimit = 4096;
constexpr int kSweepDepth = 16; // of folders; dockerd's own are 3 deep

bool names_a_daemon(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.ends_with(".pid") && (name.starts_with("docker") || name == "containerd.pid");
}

// Whether the file's pid belongs to an engine now. After a restart of the
// container the number is usually free, or another process's: a client's, perhaps, or a
// shim's, whose names begin alike.
bool is_of_living_daemon(sys::At file) {
  const auto text = sys::read_file_at(file, kPidFileLimit);
  const long pid = text ? std::strtol(text->c_str(), nullptr, 10) : 0;
  if (pid <= 0) {
    return false;
  }
  const auto command = sys::read_file(fmt::format("/proc/{}/comm", pid), kPidFileLimit);
  return command && (*command == "dockerd\n" || *command == "containerd\n");
}

class Sweep {
public:
  explicit Sweep(dev_t device) : device_(device) {}

  Result<void> enter(const Fd& dir, const fs::path& path, int depth) {
    const auto entries = TRY(sys::list_dir(dir));
    for (const sys::DirEntry& entry : entries) {
      const sys::At at{dir, entry.name};
      const auto found = sys::stat_at(at);
      if (!found || found->st_dev != device_) {
        continue; // gone meanwhile, or another mount
      }
      if (S_ISDIR(found->st_mode) && depth > 0) {
        // Folders come and go while others use /run.
        if (const auto child = sys::open_dir_at(at)) {
          TRY(enter(*child, path / entry.name, depth - 1));
        }
      } else if (S_ISREG(found->st_mode) && names_a_daemon(entry.name) &&
                 !is_of_living_daemon(at)) {
        TRY(sys::unlink_at(at));
        removed_.push_back(path / entry.name);
      }
    }
    return {};
  }

  std::vector<fs::path> removed() && { return std::move(removed_); }

private:
  dev_t device_;
  std::vector<fs::path> removed_;
};

} // namespace

Result<std::vector<fs::path>> remove_stale_pid_files(const fs::path& dir) {
  const auto top = sys::open_dir(dir);
  if (!top) {
    if (top.error().is(std::errc::no_such_file_or_directory)) {
      return std::vector<fs::path>();
    }
    return top.error();
  }
  const struct stat found = TRY(sys::stat_of(*top));
  Sweep sweep(found.st_dev);
  TRY(sweep.enter(*top, dir, kSweepDepth));
  return std::move(sweep).removed();
}

} // namespace dind::host
