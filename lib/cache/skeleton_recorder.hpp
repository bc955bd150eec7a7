#pragma once

#include <archive/marks.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace dind::cache {

// Writes down what a layer's tree cannot hold: an image layer would lose or misread it on the
// way, and drivers without whiteouts apply it to the tree of the parent.
class SkeletonRecorder final : public archive::Marks {
public:
  Result<void> whiteout(const std::string& path) override;
  Result<void> override_whiteout(const std::string& path) override;
  Result<void> opaque(const std::string& path) override;
  Result<void> node(const std::string& path, const archive::TarEntry& entry) override;
  Result<void> link_node(const std::string& path, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;
  // An extended attribute: a capability that the tree has, ...
  void capability(const std::string& path);
  // ... and one that it has not, so that the layer must be copied.
  void lose(const std::string& path, const std::string& name, const std::string& reason);
  // The same, because image layers carry nothing but capabilities.
  void lose_untransportable(const std::string& path, const std::string& name);
  // The same of a capability without content: the kernel stores it, and cannot read it.
  void lose_empty_capability(const std::string& path);

  bool is_node(const std::string& path) const { return node_index_.contains(path); }

  // Why the layer must be copied rather than borrowed; empty if there is no reason.
  const std::string& copy_reason() const { return copy_reason_; }
  // The first file that has a capability, in the tree too.
  const std::string& capable() const { return capable_; }

  // All that was written down. Call it once, at the end.
  Skeleton take();

private:
  Skeleton skeleton_;
  std::unordered_set<std::string> overridden_;
  std::unordered_map<std::string, std::size_t> node_index_; // the first link of each node's group
  std::string copy_reason_;
  std::string capable_;
};

} // namespace dind::cache
