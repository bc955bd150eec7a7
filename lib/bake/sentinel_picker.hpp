#pragma once

#include <archive/tar_entry.hpp>

#include <string>
#include <vector>

namespace dind::bake {

// Picks the paths of a layer whose look at boot tells whether something was lost
// on the way: the first one with a setuid bit, with a capability, with an owner
// that is not root, and the first hard link; without any of them the first file.
class SentinelPicker {
public:
  // In the order of the tar; only what is in the tree.
  void see(const std::string& path, const archive::TarEntry& entry);

  // Those paths. `capable` is the first path with a capability, or empty.
  std::vector<std::string> paths(const std::string& capable) const;

private:
  std::string setuid_;
  std::string foreign_;
  std::string linked_;
  std::string file_;
};

} // namespace dind::bake
