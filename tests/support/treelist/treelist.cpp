// treelist [--now-after EPOCH] [--skip PATH]... ROOT
//
// Prints everything that can be seen of the tree at ROOT, one line a path, sorted by path and fit
// for comparing two trees with each other: type, mode, owner, device number, size of files, link
// target, hard-link group, SHA-256, extended attributes, whole seconds. Nothing is left out but
// other mounts and the paths to skip. Self-contained and static, because it runs inside containers
// that hold nothing else.
#define OPENSSL_API_COMPAT 10101 // SHA256_* needs no providers, and so no dlopen

#include <openssl/sha.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Options {
  std::string root;
  std::int64_t now_after = INT64_MAX;
  std::set<std::string> skip;
};

struct Line {
  std::string path;
  std::string before_group;
  std::string after_group;
  std::pair<dev_t, ino_t> inode{};
  bool linked = false;
};

[[noreturn]] void die(std::string_view doing, std::string_view path) {
  std::fprintf(stderr, "treelist: %.*s %.*s: %s\n", static_cast<int>(doing.size()), doing.data(),
               static_cast<int>(path.size()), path.data(), std::strerror(errno));
  std::exit(1);
}

std::string hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

// Names are bytes, and fields are separated by spaces: what is not a visible ASCII character
// becomes \xHH.
std::string escaped(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c > ' ' && c < 127 && c != '\\') {
      text += c;
    } else {
      text += "\\x" + hex({&c, 1});
    }
  }
  return text;
}

std::string octal(unsigned value) {
  std::array<char, 16> text{};
  return {text.data(),
          static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%04o", value))};
}

const char* type_name(mode_t mode) {
  switch (mode & static_cast<mode_t>(S_IFMT)) {
  case S_IFREG:
    return "file";
  case S_IFDIR:
    return "dir";
  case S_IFLNK:
    return "symlink";
  case S_IFCHR:
    return "char";
  case S_IFBLK:
    return "block";
  case S_IFIFO:
    return "fifo";
  default:
    return "socket";
  }
}

std::string sha256_of(int directory, const char* name, std::string_view path) {
  const int fd = ::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1) {
    die("open", path);
  }
  SHA256_CTX context;
  SHA256_Init(&context);
  static std::array<char, std::size_t{1} << 18U> buffer;
  ssize_t count = 0;
  while ((count = ::read(fd, buffer.data(), buffer.size())) > 0) {
    SHA256_Update(&context, buffer.data(), static_cast<std::size_t>(count));
  }
  if (count == -1) {
    die("read", path);
  }
  ::close(fd);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_Final(digest.data(), &context);
  return hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string link_target(int directory, const char* name, std::string_view path) {
  std::array<char, 4096> target{};
  const ssize_t length = ::readlinkat(directory, name, target.data(), target.size());
  if (length == -1) {
    die("readlink", path);
  }
  return {target.data(), static_cast<std::size_t>(length)};
}

// There is no l*xattrat() before Linux 6.13, and an entry that is a device must not be opened.
std::string xattrs_of(int directory, const char* name, std::string_view path) {
  const std::string at = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  std::string names(65536, '\0');
  const ssize_t length = ::llistxattr(at.c_str(), names.data(), names.size());
  if (length == -1) {
    if (errno == EOPNOTSUPP) {
      return {};
    }
    die("llistxattr", path);
  }
  std::map<std::string, std::string> values;
  for (std::size_t i = 0; i < static_cast<std::size_t>(length); i += std::strlen(&names[i]) + 1) {
    std::string value(65536, '\0');
    const ssize_t size = ::lgetxattr(at.c_str(), &names[i], value.data(), value.size());
    if (size == -1) {
      die("lgetxattr", path);
    }
    values[&names[i]] = hex({value.data(), static_cast<std::size_t>(size)});
  }
  std::string text;
  for (const auto& [key, value] : values) {
    text += " xattr:" + escaped(key) + "=" + value;
  }
  return text;
}

class Lister {
public:
  explicit Lister(const Options& options) : options_(options) {}

  void list() {
    const int root = ::open(options_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root == -1) {
      die("open", options_.root);
    }
    mount_ = see(root, "", AT_EMPTY_PATH, "/").value().stx_mnt_id;
    add(root, ".", "/");
    walk(root, "");
  }

  void print() {
    std::sort(lines_.begin(), lines_.end(),
              [](const Line& a, const Line& b) { return a.path < b.path; });
    std::map<std::pair<dev_t, ino_t>, std::pair<const Line*, int>> groups;
    for (const Line& line : lines_) {
      if (line.linked) {
        ++groups.try_emplace(line.inode, &line, 0).first->second.second;
      }
    }
    for (const Line& line : lines_) {
      std::string group;
      if (line.linked && groups[line.inode].second > 1) {
        group = " linked=" + escaped(groups[line.inode].first->path);
      }
      std::printf("%s%s%s%s\n", escaped(line.path).c_str(), line.before_group.c_str(),
                  group.c_str(), line.after_group.c_str());
    }
  }

private:
  static std::optional<struct statx> see(int directory, const char* name, int flags,
                                         std::string_view path) {
    struct statx seen {};
    if (::statx(directory, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                STATX_BASIC_STATS | STATX_MNT_ID, &seen) == -1) {
      // An overlay lists whiteouts of a directory that only one layer has, though nothing is there.
      if (errno == ENOENT) {
        return std::nullopt;
      }
      die("statx", path);
    }
    return seen;
  }

  void walk(int directory, const std::string& prefix) {
    DIR* entries = ::fdopendir(directory);
    if (entries == nullptr) {
      die("opendir", prefix);
    }
    while (const dirent* entry = ::readdir(entries)) {
      const char* name = entry->d_name;
      const std::string path = prefix + "/" + name;
      if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0 ||
          options_.skip.contains(path)) {
        continue;
      }
      if (add(directory, name, path)) {
        const int below =
            ::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below == -1) {
          die("open", path);
        }
        walk(below, path);
      }
    }
    ::closedir(entries);
  }

  // Whether the entry is a directory of this mount, to be walked.
  bool add(int directory, const char* name, const std::string& path) {
    const std::optional<struct statx> found = see(directory, name, 0, path);
    // Not st_dev: an overlay shows files of its layers under device numbers of their own.
    if (!found || found->stx_mnt_id != mount_) {
      return false;
    }
    const struct statx& seen = *found;
    const mode_t mode = seen.stx_mode;
    Line line;
    line.path = path;
    line.inode = {makedev(seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino};
    line.linked = !S_ISDIR(mode) && seen.stx_nlink > 1;
    line.before_group = std::string(" ") + type_name(mode) + " mode=" + octal(mode & 07777U) +
                        " uid=" + std::to_string(seen.stx_uid) +
                        " gid=" + std::to_string(seen.stx_gid);
    if (S_ISCHR(mode) || S_ISBLK(mode)) {
      line.before_group += " rdev=" + std::to_string(seen.stx_rdev_major) + ":" +
                           std::to_string(seen.stx_rdev_minor);
    }
    if (S_ISREG(mode)) {
      line.before_group += " size=" + std::to_string(seen.stx_size);
      line.after_group = " sha256=" + sha256_of(directory, name, path);
    }
    if (S_ISLNK(mode)) {
      line.before_group += " target=" + escaped(link_target(directory, name, path));
    }
    const std::int64_t seconds = seen.stx_mtime.tv_sec;
    const bool is_now = seconds > options_.now_after && seconds <= started_;
    line.before_group += " mtime=" + (is_now ? "now" : std::to_string(seconds));
    line.after_group += xattrs_of(directory, name, path);
    lines_.push_back(std::move(line));
    return S_ISDIR(mode);
  }

  Options options_;
  std::int64_t started_ = std::time(nullptr);
  std::uint64_t mount_ = 0;
  std::vector<Line> lines_;
};

bool parse(int argc, char** argv, Options& options) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool has_value = i + 1 < arguments.size();
    if (argument == "--now-after" && has_value) {
      const std::string& value = arguments[++i];
      const auto [end, failed] =
          std::from_chars(value.data(), value.data() + value.size(), options.now_after);
      if (failed != std::errc{} || *end != '\0') {
        return false;
      }
    } else if (argument == "--skip" && has_value) {
      options.skip.insert(arguments[++i]);
    } else if (options.root.empty() && !argument.starts_with("--")) {
      options.root = argument;
    } else {
      return false;
    }
  }
  return !options.root.empty();
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs("usage: treelist [--now-after EPOCH] [--skip PATH]... ROOT\n", stderr);
    return 64;
  }
  Lister lister(options);
  lister.list();
  lister.print();
  return std::fflush(stdout) == 0 ? 0 : 1;
}
