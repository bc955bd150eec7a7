#include <archive/link_walk.hpp>

#include <archive/member_path.hpp>
#include <base/utf8.hpp>

#include <deque>

namespace dind::archive {
namespace {

constexpr int kMostLinks = 40;           // the kernel's MAXSYMLINKS
constexpr std::size_t kMostBytes = 4095; // of a symlink's target: PATH_MAX without its NUL

std::deque<std::string> components_of(std::string_view path) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (!part.empty() && part != ".") {
      parts.emplace_back(part);
    }
  }
  return parts;
}

std::string below(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

// A walk from the root of the layer.
class Walk {
public:
  explicit Walk(const LookUp& look_up) : look_up_(look_up) {}

  // Goes to `name`, and on to where it leads if it is a symlink.
  Result<void> enter(const std::string& name) {
    const std::string link = below(at_, name);
    std::deque<std::string> left = {name};
    while (!left.empty()) {
      const std::string part = std::move(left.front());
      left.pop_front();
      if (!(part == ".." ? leave() : step(part, left))) {
        return input_error("{}: a member's parent is a symlink that leads nowhere",
                           printable(link));
      }
    }
    return {};
  }

  std::string take() { return std::move(at_); }

private:
  // Both are false where the kernel would go no further.
  bool leave() {
    const bool is_directory = at_.empty() || look_up_(at_).what == AtPath::What::directory;
    at_ = std::string(parent_of(at_));
    return is_directory;
  }
  // A symlink's target is put in front of what is `left`.
  bool step(const std::string& part, std::deque<std::string>& left) {
    const std::string next = below(at_, part);
    const AtPath found = look_up_(next);
    if (found.what != AtPath::What::symlink) {
      at_ = next;
      return true;
    }
    const std::size_t bytes = found.target.size();
    if (++links_ > kMostLinks || bytes == 0 || bytes > kMostBytes) {
      return false;
    }
    if (found.target.starts_with('/')) {
      at_.clear();
    }
    const auto parts = components_of(found.target);
    left.insert(left.begin(), parts.begin(), parts.end());
    return true;
  }

  const LookUp& look_up_;
  std::string at_; // no symlink
  int links_ = 0;
};

} // namespace

Result<std::string> follow_parents(const std::string& path, const LookUp& look_up) {
  Walk walk(look_up);
  for (const std::string& part : components_of(parent_of(path))) {
    TRY(walk.enter(part));
  }
  return clean_path(below(walk.take(), std::string(base_of(path)))); // which bounds its length
}

} // namespace dind::archive
