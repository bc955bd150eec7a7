#include <sys/path_watch.hpp>

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace dind::sys {
namespace {

constexpr std::uint32_t kEvents =
    IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

bool is_there(const fs::path& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

fs::path deepest_existing(const fs::path& path) {
  fs::path dir = path.parent_path();
  while (!dir.empty() && dir != "/" && !is_there(dir)) {
    dir = dir.parent_path();
  }
  return dir.empty() ? fs::path("/") : dir;
}

} // namespace

Result<PathWatch> PathWatch::open(fs::path path) {
  Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd) {
    return errno_error("make an inotify descriptor");
  }
  PathWatch watch(std::move(fd), std::move(path));
  TRY(watch.aim());
  return watch;
}

Result<void> PathWatch::aim() {
  const fs::path dir = deepest_existing(path_);
  const int added = ::inotify_add_watch(fd_.get(), dir.c_str(), kEvents);
  if (added == -1) {
    return errno_error("watch {}", dir.native());
  }
  if (watch_ != -1 && watch_ != added) {
    ::inotify_rm_watch(fd_.get(), watch_);
  }
  watch_ = added;
  watched_ = dir;
  return {};
}

Result<bool> PathWatch::exists() {
  alignas(inotify_event) std::array<char, 4096> events{};
  while (::read(fd_.get(), events.data(), events.size()) > 0) {
  }
  // What appears between the look and the watch has no event, so a look comes last.
  do {
    if (is_there(path_)) {
      return true;
    }
    TRY(aim());
  } while (is_there(path_) || deepest_existing(path_) != watched_);
  return false;
}

} // namespace dind::sys
