#pragma once

#include <archive/tar_entry.hpp>
#include <base/result.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::outer {

// What a few paths of an image are, as its layers' tars tell it, base first.
class LayeredPaths {
public:
  // Their parents are watched, too.
  explicit LayeredPaths(const std::vector<std::string>& paths);

  void begin_layer() { ++layer_; }
  Result<void> see(const archive::TarEntry& entry);

  // The entry of a path, in the topmost layer that has one; nullptr if the image has no such path.
  const archive::TarEntry* find(const std::string& path) const;

  bool watches(const std::string& path) const { return watched_.contains(path); }
  // Where `path` leads through the symlinks that are watched: to what may be no symlink itself, and
  // may not be there. Nothing if they lead round in a circle.
  std::optional<std::string> resolve(const std::string& path) const;

private:
  struct Seen {
    archive::TarEntry entry;
    int layer = 0;
  };
  // Takes away `path` and what is below, as far as lower layers have it.
  void remove(std::string_view path);

  std::map<std::string, std::optional<Seen>> watched_;
  int layer_ = 0;
};

} // namespace dind::outer
