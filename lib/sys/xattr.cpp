#include <sys/xattr.hpp>

#include <sys/xattr.h>

namespace dind::sys {
namespace {

std::string proc_path(At at) {
  return fmt::format("/proc/self/fd/{}/{}", at.dir.get(), at.name);
}

} // namespace

Result<void> set_xattr_at(At at, const std::string& name, std::string_view value) {
  if (::lsetxattr(proc_path(at).c_str(), name.c_str(), value.data(), value.size(), 0) == -1) {
    return errno_error("set attribute {} of {}", name, at.name);
  }
  return {};
}

Result<std::optional<std::string>> get_xattr_at(At at, const std::string& name) {
  const std::string path = proc_path(at);
  std::string value(256, '\0');
  for (;;) {
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return std::optional(std::move(value));
    }
    if (errno == ENODATA || errno == EOPNOTSUPP) {
      return std::optional<std::string>();
    }
    if (errno != ERANGE) {
      return errno_error("read attribute {} of {}", name, at.name);
    }
    value.resize(value.size() * 4); // at most 64 KiB on Linux
  }
}

Result<std::vector<std::string>> list_xattrs_at(At at) {
  const std::string path = proc_path(at);
  std::string names(1024, '\0');
  for (;;) {
    const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
    if (size >= 0) {
      names.resize(static_cast<std::size_t>(size));
      break;
    }
    if (errno == EOPNOTSUPP) {
      return std::vector<std::string>();
    }
    if (errno != ERANGE) {
      return errno_error("list attributes of {}", at.name);
    }
    names.resize(names.size() * 4);
  }
  std::vector<std::string> list;
  for (std::size_t start = 0; start < names.size();) {
    list.emplace_back(names.c_str() + start);
    start += list.back().size() + 1;
  }
  return list;
}

} // namespace dind::sys
