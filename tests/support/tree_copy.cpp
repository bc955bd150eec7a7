#include <support/tree_copy.hpp>

#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/xattr.hpp>

#include <utility>

namespace dind::test {
namespace {

constexpr std::size_t kFileLimit = 64U << 20U;

std::string join(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

class TreeCopy {
public:
  TreeCopy(const Fd& to, const std::set<std::string>& keep, CopyFiles files)
      : root_(to), keep_(keep), files_(files) {}

  Result<void> directory(const Fd& from, const Fd& to, const std::string& path) {
    const std::string here = ".";
    const struct stat before = TRY(sys::stat_of(to));
    const auto entries = TRY(sys::list_dir(from));
    for (const sys::DirEntry& entry : entries) {
      TRY(this->entry({from, entry.name}, {to, entry.name}, join(path, entry.name)));
    }
    if (!keep_.contains(path)) {
      return metadata({from, here}, {to, here}, TRY(sys::stat_of(from)));
    }
    return sys::set_times_at({to, here}, before.st_atim, before.st_mtim);
  }

private:
  Result<void> entry(sys::At from, sys::At to, const std::string& path) {
    const struct stat found = TRY(sys::stat_at(from));
    if (S_ISDIR(found.st_mode)) {
      const auto there = sys::open_dir_at(to);
      if (!there) {
        TRY(sys::remove_tree_at(to));
        TRY(sys::make_dir_at(to, 0700));
      }
      const Fd source = TRY(sys::open_dir_at(from));
      const Fd target = TRY(sys::open_dir_at(to));
      return directory(source, target, path);
    }
    TRY(sys::remove_tree_at(to));
    if (files_ == CopyFiles::linked) {
      return sys::link_at(from, to);
    }
    const auto [first, fresh] = links_.emplace(std::pair(found.st_dev, found.st_ino), path);
    if (!fresh) {
      return sys::link_at({root_, first->second}, to);
    }
    if (S_ISREG(found.st_mode)) {
      const std::string content = TRY(sys::read_file_at(from, kFileLimit));
      TRY(sys::create_file_at(to, content, 0600));
    } else if (S_ISLNK(found.st_mode)) {
      const std::string target = TRY(sys::read_link_at(from));
      TRY(sys::symlink_at(target, to));
    } else {
      TRY(sys::make_node_at(to, found.st_mode, found.st_rdev));
    }
    return metadata(from, to, found);
  }

  static Result<void> metadata(sys::At from, sys::At to, const struct stat& found) {
    TRY(sys::set_owner_at(to, found.st_uid, found.st_gid));
    const auto names = TRY(sys::list_xattrs_at(from));
    for (const std::string& name : names) {
      const auto value = TRY(sys::get_xattr_at(from, name));
      TRY(sys::set_xattr_at(to, name, value.value_or("")));
    }
    if (!S_ISLNK(found.st_mode)) {
      TRY(sys::set_mode_at(to, found.st_mode));
    }
    return sys::set_times_at(to, found.st_atim, found.st_mtim);
  }

  const Fd& root_;
  const std::set<std::string>& keep_;
  CopyFiles files_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

class TreeList {
public:
  void add(const Fd& dir, const std::string& name, const std::string& path) {
    const sys::At at{dir, name};
    const struct stat found = sys::stat_at(at).value();
    std::string line = fmt::format("{:o} {}:{}", found.st_mode, found.st_uid, found.st_gid);
    if (!path.empty()) {
      line += fmt::format(" {}.{:09}", found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
    }
    line += " " + content_of(at, found) + capability_of(at);
    if (!S_ISDIR(found.st_mode)) {
      line += " = " + first_.emplace(found.st_ino, path).first->second;
    }
    lines_.emplace(path, std::move(line));
    if (S_ISDIR(found.st_mode)) {
      const Fd own = sys::open_dir_at(at).value();
      const auto entries = sys::list_dir(own).value();
      for (const sys::DirEntry& entry : entries) {
        add(own, entry.name, join(path, entry.name));
      }
    }
  }

  std::map<std::string, std::string> take() { return std::move(lines_); }

private:
  static std::string content_of(sys::At at, const struct stat& found) {
    switch (found.st_mode & S_IFMT) {
    case S_IFREG:
      return sys::read_file_at(at, kFileLimit).value();
    case S_IFLNK:
      return sys::read_link_at(at).value();
    case S_IFCHR:
    case S_IFBLK:
      return std::to_string(found.st_rdev);
    default:
      return "";
    }
  }

  static std::string capability_of(sys::At at) {
    return sys::get_xattr_at(at, std::string(sys::kCapabilityXattr)).value().value_or("");
  }

  std::map<ino_t, std::string> first_;
  std::map<std::string, std::string> lines_;
};

} // namespace

Result<void> copy_tree(const Fd& from, const Fd& to, const std::set<std::string>& keep,
                       CopyFiles files) {
  return TreeCopy(to, keep, files).directory(from, to, "");
}

std::map<std::string, std::string> describe_tree(const boost::filesystem::path& root) {
  const Fd dir = sys::open_dir(root).value();
  TreeList list;
  list.add(dir, ".", "");
  return list.take();
}

} // namespace dind::test
