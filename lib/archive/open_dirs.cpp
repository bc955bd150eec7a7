#include <archive/open_dirs.hpp>

#include <archive/member_path.hpp>
#include <sys/file.hpp>

namespace dind::archive {
namespace {

constexpr std::size_t kMaxOpen = 32;

} // namespace

std::shared_ptr<const Fd> OpenDirs::find(std::string_view path) {
  if (path.empty()) {
    return {&root_, [](const Fd*) {}}; // not ours to close
  }
  for (auto dir = recent_.begin(); dir != recent_.end(); ++dir) {
    if (dir->path == path) {
      recent_.splice(recent_.begin(), recent_, dir);
      return dir->fd;
    }
  }
  return nullptr;
}

Result<std::shared_ptr<const Fd>> OpenDirs::open(std::string_view path) {
  // From the nearest open ancestor downwards, a component at a time.
  std::string_view ancestor = path;
  std::shared_ptr<const Fd> dir = find(ancestor);
  while (!dir) {
    ancestor = parent_of(ancestor);
    dir = find(ancestor);
  }
  while (ancestor.size() < path.size()) {
    const std::size_t start = ancestor.empty() ? 0 : ancestor.size() + 1;
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string name(path.substr(start, end - start));
    dir = std::make_shared<const Fd>(TRY(sys::open_dir_at({*dir, name})));
    ancestor = path.substr(0, end);
    recent_.push_front({std::string(ancestor), dir});
    if (recent_.size() > kMaxOpen) {
      recent_.pop_back();
    }
  }
  return dir;
}

} // namespace dind::archive
