#pragma once

#include <archive/unpacker.hpp>
#include <cache/skeleton.hpp>

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace dind::bake {

// Writes down what a layer's tree in a cache cannot hold, instead of making it:
// an image layer would lose or misread it on the way.
class SkeletonMarks final : public archive::Marks {
public:
  Result<void> whiteout(sys::At at, const std::string& path,
                        const archive::TarEntry& entry) override;
  Result<void> override_whiteout(sys::At at, const std::string& path) override;
  Result<void> opaque(const Fd& dir, const std::string& path) override;
  Result<void> node(sys::At at, const std::string& path, const archive::TarEntry& entry) override;
  Result<void> link_node(sys::At at, const std::string& path, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;
  // Capabilities go into the tree, as they travel; all others are lost on the way.
  Result<void> xattr(sys::At at, const std::string& path, const archive::Xattr& xattr) override;

  bool is_node(const std::string& path) const { return node_index_.contains(path); }

  // Why the layer must be copied rather than borrowed; empty if there is no reason.
  const std::string& copy_reason() const { return copy_reason_; }
  // The first file that has a capability, in the tree too.
  const std::string& capable() const { return capable_; }

  // All that was written down. Call it once, at the end.
  cache::Skeleton take();

private:
  void lose(const std::string& path, const std::string& name, const std::string& reason);

  cache::Skeleton skeleton_;
  std::unordered_set<std::string> overridden_;
  std::unordered_map<std::string, std::size_t> node_index_; // the first link of each node's group
  std::string copy_reason_;
  std::string capable_;
};

} // namespace dind::bake
