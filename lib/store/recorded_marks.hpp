#pragma once

#include <archive/unpacker.hpp>
#include <cache/skeleton.hpp>

#include <string>

namespace dind::store {

// Writes down what a layer deletes and implies, for somebody who applies it to the tree of
// its parent. Nodes and attributes are made.
class RecordedMarks final : public archive::Marks {
public:
  // `root` is the layer's, below which hard links to nodes find their targets.
  explicit RecordedMarks(const Fd& root) : root_(root) {}

  Result<void> whiteout(sys::At at, const std::string& path,
                        const archive::TarEntry& entry) override;
  Result<void> override_whiteout(sys::At at, const std::string& path) override;
  Result<void> opaque(const Fd& dir, const std::string& path) override;
  Result<void> node(sys::At at, const std::string& path, const archive::TarEntry& entry) override;
  Result<void> link_node(sys::At at, const std::string& path, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;
  Result<void> xattr(sys::At at, const std::string& path, const archive::Xattr& xattr) override;

  // Its `nodes` are empty: they are in the tree.
  const cache::Skeleton& skeleton() const { return skeleton_; }

private:
  const Fd& root_;
  cache::Skeleton skeleton_;
};

} // namespace dind::store
