#include <outer/layered_paths.hpp>

#include <archive/member_path.hpp>
#include <sys/file.hpp>

#include <boost/filesystem/path.hpp>
#include <fmt/format.h>

#include <deque>
#include <iterator>

namespace dind::outer {
namespace {

bool is_below(std::string_view path, std::string_view dir) {
  return dir.empty() ||
         (path.size() > dir.size() && path.starts_with(dir) && path[dir.size()] == '/');
}

} // namespace

LayeredPaths::LayeredPaths(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    for (std::string_view at = path; !at.empty(); at = archive::parent_of(at)) {
      watched_.emplace(at, std::nullopt);
    }
  }
}

void LayeredPaths::remove(std::string_view path) {
  for (auto& [name, seen] : watched_) {
    if (seen && seen->layer < layer_ && (name == path || is_below(name, path))) {
      seen.reset();
    }
  }
}

Result<void> LayeredPaths::see(const archive::TarEntry& entry) {
  if (entry.type == archive::EntryType::global_header) {
    return {};
  }
  const std::string path = TRY(archive::clean_path(entry.name));
  const std::string_view name = archive::base_of(path);
  const std::string dir(archive::parent_of(path));
  if (name == archive::kOpaqueName) {
    for (auto& [watched, seen] : watched_) {
      if (seen && seen->layer < layer_ && is_below(watched, dir)) {
        seen.reset();
      }
    }
    return {};
  }
  if (name.starts_with(archive::kWhiteoutPrefix)) {
    const std::string_view hidden = name.substr(archive::kWhiteoutPrefix.size());
    remove(dir.empty() ? std::string(hidden) : dir + "/" + std::string(hidden));
    return {};
  }
  if (entry.type != archive::EntryType::directory) {
    remove(path); // what was below a directory of that name
  }
  if (const auto found = watched_.find(path); found != watched_.end()) {
    found->second = Seen{entry, layer_};
  }
  return {};
}

const archive::TarEntry* LayeredPaths::find(const std::string& path) const {
  const auto found = watched_.find(path);
  return found != watched_.end() && found->second ? &found->second->entry : nullptr;
}

std::optional<std::string> LayeredPaths::resolve(const std::string& path) const {
  std::deque<std::string> left;
  const auto put_in_front = [&left](const boost::filesystem::path& more) {
    auto at = left.begin();
    for (const auto& part : more) {
      at = std::next(left.insert(at, part.native()));
    }
  };
  put_in_front(path);
  std::string at; // no symlink
  for (int links = 0; !left.empty();) {
    const std::string part = std::move(left.front());
    left.pop_front();
    if (part == "." || part == "/") {
      continue;
    }
    if (part == "..") {
      at = std::string(archive::parent_of(at));
      continue;
    }
    const std::string next = at.empty() ? part : fmt::format("{}/{}", at, part);
    const archive::TarEntry* const entry = find(next);
    if (!entry || entry->type != archive::EntryType::symlink) {
      at = next;
      continue;
    }
    if (++links > sys::kMostLinks) {
      return std::nullopt;
    }
    const boost::filesystem::path target(entry->link_name);
    if (target.is_absolute()) {
      at.clear();
    }
    put_in_front(target);
  }
  return at;
}

} // namespace dind::outer
