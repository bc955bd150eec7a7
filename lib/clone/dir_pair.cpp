#include <clone/dir_pair.hpp>

#include <utility>
#include <vector>

namespace dind::clone {
namespace {

constexpr std::size_t kLongestPath = 4000; // PATH_MAX less a little

} // namespace

TreeDir::TreeDir(std::shared_ptr<TreeDir> above, std::string own)
    : parent(std::move(above)), name(std::move(own)) {}

// In a loop, since a chain of thousands of owners must not become as many stack frames.
TreeDir::~TreeDir() {
  thread_local std::vector<std::shared_ptr<TreeDir>> released;
  thread_local bool looping = false;
  released.push_back(std::move(parent));
  if (std::exchange(looping, true)) {
    return;
  }
  while (!released.empty()) {
    const std::shared_ptr<TreeDir> next = std::move(released.back());
    released.pop_back();
  }
  looping = false;
}

std::string TreeDir::path() const {
  return parent ? parent->path_of(name) : name;
}

std::string TreeDir::path_of(const std::string& child) const {
  std::vector<const std::string*> names = {&child};
  for (const TreeDir* dir = this; dir->parent; dir = dir->parent.get()) {
    names.push_back(&dir->name);
  }
  std::string path;
  for (auto next = names.rbegin(); next != names.rend(); ++next) {
    path += (path.empty() ? "" : "/") + **next;
  }
  return path;
}

Result<Fd> open_source_at(sys::At at, int flags) {
  auto opened = sys::open_at(at, O_RDONLY | O_NOATIME | flags);
  // O_NOATIME is for the owner and CAP_FOWNER.
  return !opened && opened.error().is(std::errc::operation_not_permitted)
             ? sys::open_at(at, O_RDONLY | flags)
             : std::move(opened);
}

Result<Fd> open_place(const Fd& root, const TreeDir& dir) {
  const std::string path = dir.path();
  Fd opened = TRY(sys::open_beneath(root, ".", O_RDONLY | O_DIRECTORY));
  std::size_t start = 0;
  while (start < path.size()) {
    std::size_t end = path.size();
    if (end - start > kLongestPath) {
      end = path.rfind('/', start + kLongestPath); // names have at most 255 bytes
    }
    opened =
        TRY(sys::open_beneath(opened, path.substr(start, end - start), O_RDONLY | O_DIRECTORY));
    start = end + 1;
  }
  return opened;
}

DirPair::~DirPair() {
  if (held) {
    --*held;
  }
}

} // namespace dind::clone
