#include <support/tree_description.hpp>

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

std::map<std::string, std::string> describe_tree(const boost::filesystem::path& root) {
  const Fd dir = sys::open_dir(root).value();
  TreeList list;
  list.add(dir, ".", "");
  return list.take();
}

} // namespace dind::test
