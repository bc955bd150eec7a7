#include <bake/sentinel_picker.hpp>

#include <base/utf8.hpp>

#include <algorithm>

namespace dind::bake {
namespace {

constexpr std::uint32_t kSetIds = 06000;

void take(std::string& slot, bool fits, const std::string& path) {
  if (slot.empty() && fits) {
    slot = path;
  }
}

} // namespace

void SentinelPicker::see(const std::string& path, const archive::TarEntry& entry) {
  // cache.json can name only UTF-8; the root is never borrowed as such.
  if (path.empty() || !is_utf8(path)) {
    return;
  }
  const bool is_file = entry.type == archive::EntryType::file;
  take(setuid_, is_file && (entry.mode & kSetIds) != 0, path);
  take(foreign_, entry.uid != 0 || entry.gid != 0, path);
  take(linked_, entry.type == archive::EntryType::hard_link, path);
  take(file_, is_file, path);
}

std::vector<std::string> SentinelPicker::paths(const std::string& capable) const {
  std::vector<std::string> paths;
  for (const std::string& path : {setuid_, capable, foreign_, linked_}) {
    if (!path.empty() && is_utf8(path) &&
        std::find(paths.begin(), paths.end(), path) == paths.end()) {
      paths.push_back(path);
    }
  }
  if (paths.empty() && !file_.empty()) {
    paths.push_back(file_);
  }
  return paths;
}

} // namespace dind::bake
