#pragma once

#include <archive/unpacker.hpp>
#include <bake/skeleton_notes.hpp>

namespace dind::bake {

// Writes down, instead of making it, what a layer's tree in a cache cannot hold. Only
// capabilities are set in the tree, as they travel.
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
  Result<void> xattr(sys::At at, const std::string& path, const archive::Xattr& xattr) override;

  SkeletonNotes& notes() { return notes_; }

private:
  SkeletonNotes notes_;
};

} // namespace dind::bake
