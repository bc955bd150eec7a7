#include <support/tree_listing.hpp>

#include <support/temp_dir.hpp>

#include <fmt/format.h>

#include <dirent.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <set>
#include <utility>
#include <vector>

namespace dind::test {
namespace {

using Inodes = std::map<std::pair<dev_t, ino_t>, std::string>;

std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  while (const dirent* entry = dir ? ::readdir(dir) : nullptr) {
    names.insert(entry->d_name);
  }
  ::closedir(dir);
  names.erase(".");
  names.erase("..");
  return names;
}

std::string xattrs_of(const std::string& path) {
  std::vector<char> list(65536);
  std::vector<char> value(65536);
  std::map<std::string, std::string> found;
  const ssize_t size = ::llistxattr(path.c_str(), list.data(), list.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name = &list[static_cast<std::size_t>(at)];
    at += static_cast<ssize_t>(name.size()) + 1;
    const ssize_t got = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    found[name] = got < 0 ? "?" : std::string(value.data(), static_cast<std::size_t>(got));
  }
  std::string text;
  for (const auto& [name, bytes] : found) {
    text += fmt::format(" {}={:x}", name, std::hash<std::string>()(bytes));
  }
  return text;
}

std::string content_of(const std::string& path, const struct stat& status) {
  if (S_ISLNK(status.st_mode)) {
    std::string target(4096, '\0');
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    return target.substr(0, static_cast<std::size_t>(size));
  }
  if (!S_ISREG(status.st_mode)) {
    return "";
  }
  std::ifstream file(path, std::ios::binary);
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  file.read(content.data(), status.st_size);
  return fmt::format("{}:{:x}", file.gcount(), std::hash<std::string>()(content));
}

void list_into(std::map<std::string, std::string>& lines, Inodes& inodes, const std::string& root,
               const std::string& relative) {
  const std::string path = root + "/" + relative;
  const struct stat status = stat_of(path);
  const bool is_dir = S_ISDIR(status.st_mode);
  const std::string first =
      is_dir ? relative
             : inodes.emplace(std::pair(status.st_dev, status.st_ino), relative).first->second;
  lines[relative] = fmt::format(
      "{:o} {}:{} size={} dev={:x} mtime={}.{:09} first={} {}{}", status.st_mode, status.st_uid,
      status.st_gid, is_dir ? 0 : status.st_size, status.st_rdev, status.st_mtim.tv_sec,
      status.st_mtim.tv_nsec, first, content_of(path, status), xattrs_of(path));
  if (is_dir) {
    for (const std::string& name : names_in(path)) {
      list_into(lines, inodes, root, relative == "." ? name : relative + "/" + name);
    }
  }
}

} // namespace

std::map<std::string, std::string> list_tree(const boost::filesystem::path& root) {
  std::map<std::string, std::string> lines;
  Inodes inodes;
  list_into(lines, inodes, root.native(), ".");
  return lines;
}

} // namespace dind::test
