#pragma once

#include <archive/unpacker.hpp>
#include <base/fd.hpp>
#include <cache/skeleton.hpp>
#include <sys/file.hpp>

#include <string>

namespace dind::store {

// Makes whiteouts as overlayfs has them, character devices 0:0. All whiteouts
// of one layer are hard links to one node: that takes a third of the time of
// nodes of their own and no inodes, and the kernel honours them
// (fs/overlayfs/util.c, ovl_is_whiteout, looks at the inode alone).
class WhiteoutMaker {
public:
  // The first node is kept as `anchor` until `finish`: outside of what the kernel mounts.
  explicit WhiteoutMaker(sys::At anchor) : dir_(anchor.dir), name_(anchor.name) {}
  Result<void> make(sys::At at);
  Result<void> finish();

private:
  const Fd& dir_;
  std::string name_;
  bool anchored_ = false;
};

// Marks a directory so that nothing of the lower layers shows through it.
Result<void> mark_opaque(const Fd& dir);

// Marks as the overlay2 driver makes them for a layer that it unpacks itself
// (moby pkg/archive/archive_linux.go, overlayWhiteoutConverter).
class OverlayMarks final : public archive::Marks {
public:
  explicit OverlayMarks(sys::At anchor) : whiteouts_(anchor) {}

  Result<void> whiteout(sys::At at, const std::string& path,
                        const archive::TarEntry& entry) override;
  Result<void> override_whiteout(sys::At at, const std::string& path) override;
  Result<void> opaque(const Fd& dir, const std::string& path) override;
  Result<void> node(sys::At at, const std::string& path, const archive::TarEntry& entry) override;
  Result<void> link_node(sys::At at, const std::string& path, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;
  Result<void> xattr(sys::At at, const std::string& path, const archive::Xattr& xattr) override;

  // The layer's root, below which `link_node` finds its targets.
  void set_root(const Fd& root) { root_ = &root; }
  Result<void> finish() { return whiteouts_.finish(); }

private:
  WhiteoutMaker whiteouts_;
  const Fd* root_ = nullptr;
};

// Fills the empty directory `dir` with what a skeleton says: whiteouts, opaque
// directories and nodes, and the directories that hold them. As a lower right
// below a borrowed tree it completes that tree.
Result<void> build_skeleton(const Fd& dir, sys::At anchor, const cache::Skeleton& skeleton);

} // namespace dind::store
