#include <sys/dir.hpp>

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include <fmt/format.h>

namespace dind::sys {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// Levels of a tree that are open at the same time, whatever its depth: descriptors may be few.
constexpr unsigned kMostLevels = 64;

enum class Gone { no, yes }; // `no` is a directory

Result<Gone> unlink_or_tell(At at) {
  auto unlinked = unlink_at(at);
  if (unlinked || unlinked.error().is(std::errc::no_such_file_or_directory)) {
    return Gone::yes;
  }
  return unlinked.error().is(std::errc::is_a_directory) ? Result<Gone>(Gone::no)
                                                        : std::move(unlinked).error();
}

Result<void> remove_dir(At at) {
  if (::unlinkat(at.dir.get(), at.name.c_str(), AT_REMOVEDIR) == -1 && errno != ENOENT) {
    return errno_error("remove directory {}", at.name);
  }
  return {};
}

// Removes what is below a directory. What lies too deep is lifted to the top, for another round.
class Emptier {
public:
  explicit Emptier(const Fd& top) : top_(top) {}

  Result<void> run() {
    do {
      lifted_ = false;
      TRY(empty(top_, 1));
    } while (lifted_);
    return {};
  }

private:
  Result<void> empty(const Fd& dir, unsigned level) {
    const auto entries = TRY(list_dir(dir));
    for (const DirEntry& entry : entries) {
      TRY(remove({dir, entry.name}, level));
    }
    return {};
  }

  Result<void> remove(At at, unsigned level) {
    if (TRY(unlink_or_tell(at)) == Gone::yes) {
      return {};
    }
    if (level == kMostLevels) {
      return lift(at);
    }
    {
      const Fd dir = TRY(open_dir_at(at));
      TRY(empty(dir, level + 1));
    }
    return remove_dir(at);
  }

  Result<void> lift(At at) {
    lifted_ = true;
    for (;;) {
      const std::string name = fmt::format("lifted-{}", next_++);
      auto lifted = rename_new_at(at, {top_, name});
      if (lifted || !lifted.error().is(std::errc::file_exists)) {
        return lifted;
      }
    }
  }

  const Fd& top_;
  unsigned next_ = 0;
  bool lifted_ = false;
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
  if (TRY(unlink_or_tell(at)) == Gone::yes) {
    return {};
  }
  {
    const Fd top = TRY(open_dir_at(at));
    TRY(Emptier(top).run().within(at.name));
  }
  return remove_dir(at);
}

} // namespace dind::sys
