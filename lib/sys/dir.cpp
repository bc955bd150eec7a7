#include <sys/dir.hpp>

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <tuple>

namespace dind::sys {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

} // namespace

Result<std::vector<DirEntry>> list_dir(const Fd& dir) {
  // fdopendir owns its descriptor and moves its offset, so it gets one of its own.
  const std::string here = ".";
  Fd own = TRY(open_dir_at({dir, here}));
  std::unique_ptr<DIR, CloseDir> stream(::fdopendir(own.get()));
  if (!stream) {
    return errno_error("open directory stream");
  }
  std::ignore = own.release();
  std::vector<DirEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (!entry) {
      break;
    }
    std::string name = entry->d_name;
    if (name != "." && name != "..") {
      entries.push_back({std::move(name), entry->d_type});
    }
  }
  if (errno != 0) {
    return errno_error("read directory");
  }
  std::sort(entries.begin(), entries.end(),
            [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
  return entries;
}

Result<void> remove_tree_at(At at) {
  auto unlinked = unlink_at(at);
  if (unlinked || unlinked.error().is(std::errc::no_such_file_or_directory)) {
    return {};
  }
  if (!unlinked.error().is(std::errc::is_a_directory)) {
    return unlinked;
  }
  {
    const Fd dir = TRY(open_dir_at(at));
    const auto entries = TRY(list_dir(dir));
    for (const DirEntry& entry : entries) {
      TRY(remove_tree_at({dir, entry.name}).within(at.name));
    }
  }
  if (::unlinkat(at.dir.get(), at.name.c_str(), AT_REMOVEDIR) == -1 && errno != ENOENT) {
    return errno_error("remove directory {}", at.name);
  }
  return {};
}

} // namespace dind::sys
