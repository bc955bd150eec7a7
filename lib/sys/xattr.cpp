#include <sys/xattr.hpp>

#include <sys/xattr.h>

namespace dind::sys {
namespace {

std::string proc_path(At at) {
  return fmt::format("/proc/self/fd/{}/{}", at.dir.get(), at.name);
}

std::string of(const std::string& name) {
  return name.empty() ? "" : " of " + name;
}

// `get` is a system call that fills a buffer; `whose` is for errors.
template <typename Get>
Result<std::optional<std::string>> read_value(Get get, const std::string& name,
                                              const std::string& whose) {
  std::string value(256, '\0');
  for (;;) {
    const ssize_t size = get(value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return std::optional(std::move(value));
    }
    if (errno == ENODATA || errno == EOPNOTSUPP) {
      return std::optional<std::string>();
    }
    if (errno != ERANGE) {
      return errno_error("read attribute {}{}", name, of(whose));
    }
    value.resize(value.size() * 4); // at most 64 KiB on Linux
  }
}

template <typename List>
Result<std::vector<std::string>> read_names(List list, const std::string& whose) {
  std::vector<std::string> found;
  // Most files have none, and the question for the size needs no buffer.
  const ssize_t expected = list(nullptr, std::size_t{0});
  if (expected == 0 || (expected == -1 && errno == EOPNOTSUPP)) {
    return found;
  }
  if (expected == -1) {
    return errno_error("list attributes{}", of(whose));
  }
  std::string names(static_cast<std::size_t>(expected), '\0');
  for (;;) {
    const ssize_t size = list(names.data(), names.size());
    if (size >= 0) {
      names.resize(static_cast<std::size_t>(size));
      break;
    }
    if (errno != ERANGE) {
      return errno_error("list attributes{}", of(whose));
    }
    names.resize(names.size() * 4); // it has grown meanwhile
  }
  for (std::size_t start = 0; start < names.size();) {
    found.emplace_back(names.c_str() + start);
    start += found.back().size() + 1;
  }
  return found;
}

constexpr std::size_t kRevisionByte = 3; // of the magic number, which is little-endian
constexpr std::size_t kSizeOfRevision2 = 20;
constexpr std::size_t kSizeOfRevision3 = 24;

} // namespace

bool is_capability(std::string_view value) {
  const bool fits = (value.size() == kSizeOfRevision2 && value[kRevisionByte] == 2) ||
                    (value.size() == kSizeOfRevision3 && value[kRevisionByte] == 3);
  // Besides the revision, the magic number has the bit "effective" only.
  return fits && (static_cast<unsigned char>(value[0]) & ~1U) == 0 && value[1] == 0 &&
         value[2] == 0;
}

std::string capability_as_read(std::string value) {
  if (is_capability(value) && value.ends_with(std::string_view("\0\0\0\0", 4)) &&
      value.size() == kSizeOfRevision3) {
    value.resize(kSizeOfRevision2);
    value[kRevisionByte] = 2;
  }
  return value;
}

Result<void> set_xattr_at(At at, const std::string& name, std::string_view value) {
  if (::lsetxattr(proc_path(at).c_str(), name.c_str(), value.data(), value.size(), 0) == -1) {
    return errno_error("set attribute {} of {}", name, at.name);
  }
  return {};
}

Result<std::optional<std::string>> get_xattr_at(At at, const std::string& name) {
  const std::string path = proc_path(at);
  const auto get = [&](char* into, std::size_t size) {
    return ::lgetxattr(path.c_str(), name.c_str(), into, size);
  };
  return read_value(get, name, at.name);
}

Result<std::vector<std::string>> list_xattrs_at(At at) {
  const std::string path = proc_path(at);
  const auto list = [&](char* into, std::size_t size) {
    return ::llistxattr(path.c_str(), into, size);
  };
  return read_names(list, at.name);
}

Result<void> set_xattr(const Fd& fd, const std::string& name, std::string_view value) {
  if (::fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0) == -1) {
    return errno_error("set attribute {}", name);
  }
  return {};
}

Result<std::optional<std::string>> get_xattr(const Fd& fd, const std::string& name) {
  const auto get = [&](char* into, std::size_t size) {
    return ::fgetxattr(fd.get(), name.c_str(), into, size);
  };
  return read_value(get, name, "");
}

Result<std::vector<std::string>> list_xattrs(const Fd& fd) {
  const auto list = [&](char* into, std::size_t size) {
    return ::flistxattr(fd.get(), into, size);
  };
  return read_names(list, "");
}

Result<void> remove_xattr(const Fd& fd, const std::string& name) {
  if (::fremovexattr(fd.get(), name.c_str()) == -1) {
    return errno_error("remove attribute {}", name);
  }
  return {};
}

bool sees_trusted_xattrs(const Fd& file) {
  // Nothing is set: there is none to be replaced.
  return ::fsetxattr(file.get(), "trusted.dind-init", "", 0, XATTR_REPLACE) == -1 &&
         errno == ENODATA;
}

} // namespace dind::sys
