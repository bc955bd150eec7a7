#include <store/overlay_marks.hpp>

#include <archive/member_path.hpp>
#include <store/nodes.hpp>
#include <store/parent_dirs.hpp>
#include <sys/xattr.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <utility>

namespace dind::store {
namespace {

const std::string kAufsOpaque(archive::kOpaqueName);

} // namespace

Result<void> MarkMaker::whiteout(sys::At at) {
  const std::string name = whiteout_of(at.name);
  return link_anchor({at.dir, name});
}

Result<void> MarkMaker::remove_whiteout(sys::At at) const {
  const std::string name = whiteout_of(at.name);
  return sys::unlink_at({at.dir, name});
}

Result<void> MarkMaker::opaque(const Fd& dir) {
  if (style_ == MarkStyle::aufs) {
    return link_anchor({dir, kAufsOpaque});
  }
  const bool of_users = style_ == MarkStyle::overlayfs_of_users;
  return sys::set_xattr(dir, of_users ? sys::kOpaqueXattrOfUsers : sys::kOpaqueXattr, "y");
}

Result<void> MarkMaker::finish() {
  return std::exchange(anchored_, false) ? sys::unlink_at({dir_, name_}) : Result<void>();
}

Result<void> MarkMaker::link_anchor(sys::At at) {
  if (anchored_) {
    auto linked = sys::link_at({dir_, name_}, at);
    if (linked || !linked.error().is(std::errc::too_many_links)) {
      return linked;
    }
    TRY(sys::unlink_at({dir_, name_})); // full: ext4 takes 65,000 links to an inode
  }
  TRY(make_anchor());
  anchored_ = true;
  return sys::link_at({dir_, name_}, at);
}

Result<void> MarkMaker::make_anchor() const {
  return style_ == MarkStyle::aufs ? sys::create_file_at({dir_, name_}, "", 0600)
                                   : sys::make_node_at({dir_, name_}, S_IFCHR, ::makedev(0, 0));
}

std::string MarkMaker::whiteout_of(const std::string& name) const {
  return style_ == MarkStyle::aufs ? std::string(archive::kWhiteoutPrefix) + name : name;
}

Result<OverlayMarks::Place> OverlayMarks::place_of(const std::string& path) {
  auto parent = TRY(dirs_.open(archive::parent_of(path)));
  return Place{std::move(parent), std::string(archive::base_of(path))};
}

Result<void> OverlayMarks::whiteout(const std::string& path) {
  const Place place = TRY(place_of(path));
  return marks_.whiteout(place.at());
}

Result<void> OverlayMarks::override_whiteout(const std::string& path) {
  const Place place = TRY(place_of(path));
  return marks_.remove_whiteout(place.at());
}

Result<void> OverlayMarks::opaque(const std::string& path) {
  const auto dir = TRY(dirs_.open(path));
  return marks_.opaque(*dir);
}

Result<void> OverlayMarks::node(const std::string& path, const archive::TarEntry& entry) {
  const Place place = TRY(place_of(path));
  const bool is_made = has_devices_ || entry.type == archive::EntryType::fifo;
  return is_made ? make_node(place.at(), entry) : marks_.whiteout(place.at());
}

Result<void> OverlayMarks::link_node(const std::string& path, const std::string& target,
                                     const archive::TarEntry& entry) {
  const Place place = TRY(place_of(path));
  return store::link_node(place.at(), root_, target, entry);
}

Result<void> OverlayMarks::implied(const std::string& path) {
  implied_dirs_.push_back(path);
  return {};
}

Result<void> add_marks(const Fd& layer, MarkStyle style, sys::At anchor,
                       const cache::Skeleton& skeleton) {
  ParentDirs parents(layer);
  MarkMaker marks(style, anchor);
  for (const std::string& path : skeleton.opaque) {
    const Fd* dir = TRY(parents.open(path));
    TRY(marks.opaque(*dir).within(path));
  }
  for (const std::string& path : skeleton.whiteouts) {
    const sys::At at = TRY(parents.at(path));
    TRY(marks.whiteout(at).within(path));
  }
  TRY(make_nodes(layer, parents, skeleton.nodes));
  TRY(parents.finish());
  return marks.finish();
}

Result<void> build_skeleton(const Fd& dir, MarkStyle style, sys::At anchor,
                            const cache::Skeleton& skeleton) {
  ParentDirs parents(dir);
  for (const std::string& path : skeleton.mark_dirs()) {
    const sys::At at = TRY(parents.at(path));
    TRY(sys::make_dir_at(at, 0755)); // the tree above shows its own
  }
  return add_marks(dir, style, anchor, skeleton);
}

} // namespace dind::store
