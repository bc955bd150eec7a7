#pragma once

#include <archive/marks.hpp>
#include <archive/open_dirs.hpp>
#include <base/fd.hpp>
#include <cache/skeleton.hpp>
#include <sys/file.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dind::store {

// How a layer of an overlay says what it deletes.
enum class MarkStyle {
  overlayfs, // character devices 0:0 and the attribute trusted.overlay.opaque
  // In a user namespace: the attribute is user.overlay.opaque, for mounts with `userxattr`. Other
  // devices are left out, as dockerd does there (moby pkg/archive/archive.go, createTarFile), and
  // whiteouts in their place: what they replaced is gone.
  overlayfs_of_users,
  // Empty files .wh.NAME and .wh..wh..opq: what dockerd unpacks for fuse-overlayfs (moby
  // fuseoverlayfs.go, ApplyDiff), and all that a data root on overlayfs takes.
  aufs,
};

// Makes the marks of one layer. All its whiteouts are hard links to one node: that
// takes a third of the time of nodes of their own and no inodes, and the kernel honours
// them (fs/overlayfs/util.c, ovl_is_whiteout, looks at the inode alone).
class MarkMaker {
public:
  // The first node is kept as `anchor` until `finish`: outside of what is mounted.
  MarkMaker(MarkStyle style, sys::At anchor)
      : style_(style), dir_(anchor.dir), name_(anchor.name) {}

  // `at` is what is deleted.
  Result<void> whiteout(sys::At at);
  Result<void> remove_whiteout(sys::At at) const;
  // Nothing of the lower layers shows through `dir`.
  Result<void> opaque(const Fd& dir);
  Result<void> finish();

private:
  Result<void> link_anchor(sys::At at);
  Result<void> make_anchor() const;
  std::string whiteout_of(const std::string& name) const;

  MarkStyle style_;
  const Fd& dir_;
  std::string name_;
  bool anchored_ = false;
};

// Marks as the driver makes them for a layer that it unpacks itself (moby
// pkg/archive/archive_linux.go, overlayWhiteoutConverter).
class OverlayMarks final : public archive::Marks {
public:
  // `root` is the layer's.
  OverlayMarks(const Fd& root, MarkStyle style, sys::At anchor)
      : root_(root), dirs_(root), has_devices_(style != MarkStyle::overlayfs_of_users),
        marks_(style, anchor) {}

  Result<void> whiteout(const std::string& path) override;
  Result<void> override_whiteout(const std::string& path) override;
  Result<void> opaque(const std::string& path) override;
  Result<void> node(const std::string& path, const archive::TarEntry& entry) override;
  Result<void> link_node(const std::string& path, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;

  Result<void> finish() { return marks_.finish(); }
  // The directories that the layer has no entries for.
  const std::vector<std::string>& implied_dirs() const { return implied_dirs_; }

private:
  // A name in its open parent.
  struct Place {
    std::shared_ptr<const Fd> parent;
    std::string name;
    sys::At at() const { return {*parent, name}; }
  };
  Result<Place> place_of(const std::string& path);

  const Fd& root_;
  archive::OpenDirs dirs_;
  bool has_devices_;
  MarkMaker marks_;
  std::vector<std::string> implied_dirs_;
};

// Adds what a skeleton says to `layer`, which has the directories for it: whiteouts, opaque
// marks, nodes. The times of the directories stay.
Result<void> add_marks(const Fd& layer, MarkStyle style, sys::At anchor,
                       const cache::Skeleton& skeleton);

// Fills the empty directory `dir` with what a skeleton says, and the directories that
// hold it. As a lower right below a borrowed tree it completes that tree.
Result<void> build_skeleton(const Fd& dir, MarkStyle style, sys::At anchor,
                            const cache::Skeleton& skeleton);

} // namespace dind::store
