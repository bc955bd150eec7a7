#include <archive/member_path.hpp>

#include <base/utf8.hpp>

#include <algorithm>

namespace dind::archive {
namespace {

constexpr std::size_t kMaxComponent = 255; // NAME_MAX
constexpr std::size_t kMaxPath = 4095;     // PATH_MAX without its NUL

// Takes the next component off `rest`, skipping slashes; "" at the end.
std::string_view take_component(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  const std::string_view component = rest.substr(0, rest.find('/'));
  rest.remove_prefix(component.size());
  return component;
}

} // namespace

Result<std::string> clean_path(const std::string& name) {
  if (name.find('\0') != std::string::npos) {
    return input_error("a name holds a NUL");
  }
  std::string path = lexically_clean(name);
  path.erase(0, path == "." || path.starts_with('/') ? 1 : 0);
  std::string_view rest = path;
  for (auto part = take_component(rest); !part.empty(); part = take_component(rest)) {
    if (part == "..") {
      return input_error("{}: a path with \"..\" that leads out of the layer", printable(name));
    }
    // The name that a whiteout deletes may be as long as any other, and the mark comes on top.
    const std::string_view named =
        part.starts_with(kWhiteoutPrefix) ? part.substr(kWhiteoutPrefix.size()) : part;
    if (named.size() > kMaxComponent) {
      return input_error("{}…: a name longer than {} bytes", printable(name.substr(0, 80)),
                         kMaxComponent);
    }
  }
  if (path.size() > kMaxPath) {
    return input_error("{}…: a path longer than {} bytes", printable(path.substr(0, 80)), kMaxPath);
  }
  return path;
}

std::string lexically_clean(std::string_view name) {
  const bool absolute = name.starts_with('/');
  std::string path = absolute ? "/" : "";
  const std::size_t root = path.size();
  std::size_t leading = root; // up to here ".." cannot be undone
  std::string_view rest = name;
  for (auto part = take_component(rest); !part.empty(); part = take_component(rest)) {
    if (part == ".") {
      continue;
    }
    if (part == ".." && path.size() > leading) {
      const std::size_t slash = path.rfind('/');
      path.resize(slash == std::string::npos || slash < root ? root : slash);
      continue;
    }
    if (part == ".." && absolute) {
      continue;
    }
    if (path.size() > root) {
      path += '/';
    }
    path += part;
    if (part == "..") {
      leading = path.size();
    }
  }
  return path.empty() ? "." : path;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view base_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

} // namespace dind::archive
