#include <host/scratch.hpp>

#include <sys/dir.hpp>
#include <sys/locked_dir.hpp>
#include <sys/mount.hpp>

#include <tuple>
#include <utility>

namespace dind::host {
namespace {

const std::string kPrefix = "probe-";

// An attempt that failed may have left its own, where the disk fails. Then it is the disk's reason
// that is told, and not that something is there.
Result<void> make_empty_dir(sys::At at) {
  auto made = sys::make_dir_at(at, 0700);
  if (made || !made.error().is(std::errc::file_exists)) {
    return made;
  }
  TRY(sys::remove_tree_at(at));
  return sys::make_dir_at(at, 0700);
}

} // namespace

Result<Scratch> Scratch::make(const Fd& parent) {
  sys::remove_orphans(parent, kPrefix);
  const std::string here = ".";
  Fd own_parent = TRY(sys::open_dir_at({parent, here}));
  sys::LockedDir made = TRY(sys::make_locked_dir(parent, kPrefix));
  Scratch scratch(std::move(own_parent), std::move(made.name));
  scratch.dir_ = std::move(made.dir);
  return scratch;
}

Result<Scratch> Scratch::make_inside(const Scratch& outer, const std::string& name,
                                     const std::vector<std::string>& dirs) {
  const std::string here = ".";
  Scratch scratch(TRY(sys::open_dir_at({outer.dir_, here})), name);
  TRY(make_empty_dir({scratch.parent_, scratch.name_}));
  scratch.dir_ = TRY(sys::open_dir_at({scratch.parent_, scratch.name_}));
  for (const std::string& dir : dirs) {
    TRY(sys::make_dir_at({scratch.dir_, dir}, 0755));
  }
  return scratch;
}

Scratch::~Scratch() {
  if (parent_) {
    std::ignore = sys::remove_tree_at({parent_, name_});
  }
}

Mounted::Mounted(Mounted&& other) noexcept : target_(std::exchange(other.target_, {})) {}

Mounted::~Mounted() {
  if (!target_.empty()) {
    std::ignore = sys::unmount(target_);
  }
}

std::string proc_path(const Fd& fd) {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

Result<std::string> shared_path(const Fd& fd) {
  const Fd proc = TRY(sys::open_dir("/proc"));
  const std::string self = "self";
  // Our number as that /proc counts, which need not be that of our own PID namespace.
  const std::string pid = TRY(sys::read_link_at({proc, self}));
  return fmt::format("/proc/{}/fd/{}", pid, fd.get());
}

Result<sys::fs::path> real_path(const Fd& fd) {
  const Fd links = TRY(sys::open_dir("/proc/self/fd"));
  const std::string name = std::to_string(fd.get());
  return sys::fs::path(TRY(sys::read_link_at({links, name})));
}

} // namespace dind::host
