#include <cache/tree_check.hpp>

#include <archive/member_path.hpp>
#include <base/utf8.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/xattr.hpp>

#include <dirent.h>

#include <unordered_map>
#include <utility>

namespace dind::cache {
namespace {

std::string_view kind_of(std::uint32_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "a file";
  case S_IFDIR:
    return "a directory";
  case S_IFLNK:
    return "a symlink";
  default:
    return "a device, fifo or socket";
  }
}

class TreeChecker {
public:
  TreeChecker(const Fd& tree, const ExpectedTree& expected, const Exempt& exempt)
      : tree_(tree), expected_(expected), exempt_(exempt) {}

  // What is wrong with `path`; empty if nothing is.
  Result<std::string> check(const ExpectedPath& path) {
    const std::string parent(archive::parent_of(path.path));
    if (!dir_ || parent != dir_path_) {
      dir_ = TRY(sys::open_beneath(tree_, parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY));
      dir_path_ = parent;
    }
    const std::string name(path.path.empty() ? "." : archive::base_of(path.path));
    const sys::At at{dir_, name};
    const struct stat found = TRY(sys::stat_at(at));
    const ExpectedInode& wanted = expected_.inode(path.inode);
    if (S_ISDIR(found.st_mode) && exempt_.implied.contains(path.path)) {
      return std::string();
    }
    std::string what = compare(wanted, found);
    if (what.empty() && found.st_mtim.tv_sec != wanted.mtime) {
      what = fmt::format("its time is {}, not {}", found.st_mtim.tv_sec, wanted.mtime);
      if (S_ISDIR(wanted.mode)) {
        // Most likely because of a name in it, which says more.
        changed_dir_ = changed_dir_.value_or(TreeFlaw{path.path, std::exchange(what, "")});
      }
    }
    if (what.empty()) {
      what = compare_identity(path, found);
    }
    if (what.empty() && S_ISLNK(wanted.mode) && TRY(sys::read_link_at(at)) != wanted.target) {
      what = "leads elsewhere";
    }
    if (what.empty() && !S_ISLNK(wanted.mode)) {
      what = TRY(compare_capability(path.path, at, wanted));
    }
    return what;
  }

  // The first path below `dir` that is not expected.
  Result<std::optional<std::string>> find_stranger(const Fd& dir, const std::string& dir_path) {
    const auto entries = TRY(sys::list_dir(dir));
    for (const sys::DirEntry& entry : entries) {
      const std::string path = dir_path.empty() ? entry.name : dir_path + "/" + entry.name;
      if (!expected_.has(path)) {
        if (exempt_.beside.contains(path) && may_be_mark({dir, entry.name})) {
          continue;
        }
        return std::optional(path);
      }
      // Kinds have been compared, so that only directories are listed.
      if (entry.type == DT_DIR || (entry.type == DT_UNKNOWN && is_directory({dir, entry.name}))) {
        const Fd below = TRY(sys::open_dir_at({dir, entry.name}));
        if (auto found = TRY(find_stranger(below, path))) {
          return found;
        }
      }
    }
    return std::optional<std::string>();
  }

  // The first directory of which only the time is wrong.
  const std::optional<TreeFlaw>& changed_dir() const { return changed_dir_; }

private:
  static bool is_directory(sys::At at) {
    const auto found = sys::stat_at(at);
    return found && S_ISDIR(found->st_mode);
  }

  static std::string compare(const ExpectedInode& wanted, const struct stat& found) {
    if ((wanted.mode & S_IFMT) != (found.st_mode & S_IFMT)) {
      return fmt::format("is {}, not {}", kind_of(found.st_mode), kind_of(wanted.mode));
    }
    if (S_ISREG(wanted.mode) && static_cast<std::uint64_t>(found.st_size) != wanted.size) {
      return fmt::format("has {} bytes, not {}", found.st_size, wanted.size);
    }
    if (found.st_uid != wanted.uid || found.st_gid != wanted.gid) {
      return fmt::format("its owner is {}:{}, not {}:{}", found.st_uid, found.st_gid, wanted.uid,
                         wanted.gid);
    }
    if (!S_ISLNK(wanted.mode) && found.st_mode != wanted.mode) {
      return fmt::format("its mode is {:04o}, not {:04o}", found.st_mode & 07777U,
                         wanted.mode & 07777U);
    }
    return {};
  }

  // Paths of one inode must be one, and of two must be two.
  std::string compare_identity(const ExpectedPath& path, const struct stat& found) {
    if (S_ISDIR(found.st_mode)) {
      return {};
    }
    const auto [first, is_first] = inode_numbers_.emplace(path.inode, found.st_ino);
    if (!is_first && first->second != found.st_ino) {
      return "is no longer a hard link";
    }
    const auto [owner, is_new] = inode_owners_.emplace(found.st_ino, path.inode);
    if (!is_new && owner->second != path.inode) {
      return "is a hard link, which it should not be";
    }
    return {};
  }

  Result<std::string> compare_capability(const std::string& path, sys::At at,
                                         const ExpectedInode& wanted) const {
    const auto found = TRY(sys::get_xattr_at(at, std::string(sys::kCapabilityXattr)));
    if (found == wanted.capability || (!found && exempt_.without_capability.contains(path))) {
      return std::string();
    }
    return std::string(!found               ? "its capability is lost"
                       : !wanted.capability ? "has a capability that the image does not give it"
                                            : "its capability has changed");
  }

  const Fd& tree_;
  const ExpectedTree& expected_;
  const Exempt& exempt_;
  Fd dir_; // of the last path: the order of a tar goes from directory to directory
  std::string dir_path_;
  std::unordered_map<std::size_t, ino_t> inode_numbers_;
  std::unordered_map<ino_t, std::size_t> inode_owners_;
  std::optional<TreeFlaw> changed_dir_;
};

} // namespace

bool may_be_mark(sys::At at) {
  const auto found = sys::stat_at(at);
  if (!found) {
    return false;
  }
  const bool is_aufs = at.name.starts_with(archive::kWhiteoutPrefix);
  return S_ISREG(found->st_mode) ? is_aufs : !S_ISDIR(found->st_mode) && !S_ISLNK(found->st_mode);
}

bool is_flaw(const Error& error) {
  switch (error.code()) {
  case 0: // the content contradicts itself
  case ENOENT:
  case ENOTDIR:
  case EISDIR:
  case ELOOP: // a symlink, where none is followed
  case ENXIO: // a socket or fifo in place of a file
    return true;
  default:
    return false;
  }
}

Result<std::optional<TreeFlaw>> check_tree(const Fd& tree, const ExpectedTree& expected,
                                           const Exempt& exempt) {
  TreeChecker checker(tree, expected, exempt);
  for (const ExpectedPath& path : expected.paths()) {
    const auto what = checker.check(path);
    if (!what && !is_flaw(what.error())) {
      return what.error();
    }
    if (!what) {
      return std::optional(TreeFlaw{path.path, "is missing"});
    }
    if (!what->empty()) {
      return std::optional(TreeFlaw{path.path, *what});
    }
  }
  if (auto stranger = TRY(checker.find_stranger(tree, ""))) {
    return std::optional(TreeFlaw{std::move(*stranger), "is in no layer"});
  }
  return checker.changed_dir();
}

} // namespace dind::cache
