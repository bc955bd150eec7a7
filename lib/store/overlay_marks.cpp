#include <store/overlay_marks.hpp>

#include <sys/file.hpp>
#include <sys/xattr.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <tuple>
#include <utility>

namespace dind::store {
namespace {

constexpr const char* kOpaqueXattr = "trusted.overlay.opaque";

mode_t type_of(archive::EntryType type) {
  switch (type) {
  case archive::EntryType::char_device:
    return S_IFCHR;
  case archive::EntryType::block_device:
    return S_IFBLK;
  default:
    return S_IFIFO;
  }
}

Result<void> make_node(sys::At at, const cache::Node& node) {
  TRY(sys::make_node_at(at, node.mode, ::makedev(node.major, node.minor)));
  TRY(sys::set_owner_at(at, node.uid, node.gid));
  TRY(sys::set_mode_at(at, node.mode)); // the umask and chown have had their say
  // Engines take times before 1970 for the epoch.
  const timespec time =
      node.mtime < 0 ? timespec{0, 0} : timespec{node.mtime, static_cast<long>(node.mtime_ns)};
  return sys::set_times_at(at, time, time);
}

// Opens the directories of paths that come in tar order, in which neighbours
// share a directory.
class ParentDirs {
public:
  explicit ParentDirs(const Fd& root) : root_(root) {}

  Result<sys::At> at(const std::string& path) {
    const auto slash = path.rfind('/');
    std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
    if (parent != open_path_) {
      open_ = TRY(sys::open_beneath(root_, parent, O_RDONLY | O_DIRECTORY));
      open_path_ = std::move(parent);
    }
    name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    return sys::At{open_, name_};
  }

private:
  const Fd& root_;
  std::string open_path_;
  Fd open_;
  std::string name_;
};

} // namespace

Result<void> WhiteoutMaker::make(sys::At at) {
  if (anchored_) {
    auto linked = sys::link_at({dir_, name_}, at);
    if (linked || !linked.error().is(std::errc::too_many_links)) {
      return linked;
    }
    TRY(sys::unlink_at({dir_, name_})); // full: ext4 takes 65,000 links to an inode
  }
  TRY(sys::make_node_at({dir_, name_}, S_IFCHR, ::makedev(0, 0)));
  anchored_ = true;
  return sys::link_at({dir_, name_}, at);
}

Result<void> WhiteoutMaker::finish() {
  return std::exchange(anchored_, false) ? sys::unlink_at({dir_, name_}) : Result<void>();
}

Result<void> mark_opaque(const Fd& dir) {
  if (::fsetxattr(dir.get(), kOpaqueXattr, "y", 1, 0) == -1) {
    return errno_error("set attribute {}", kOpaqueXattr);
  }
  return {};
}

Result<void> OverlayMarks::whiteout(sys::At at, const std::string&, const archive::TarEntry&) {
  return whiteouts_.make(at);
}

Result<void> OverlayMarks::override_whiteout(sys::At at, const std::string&) {
  return sys::unlink_at(at);
}

Result<void> OverlayMarks::opaque(const Fd& dir, const std::string&) {
  return mark_opaque(dir);
}

Result<void> OverlayMarks::node(sys::At at, const std::string&, const archive::TarEntry& entry) {
  const cache::Node node{.path = "",
                         .mode = type_of(entry.type) | (entry.mode & 07777U),
                         .uid = entry.uid,
                         .gid = entry.gid,
                         .major = entry.device_major,
                         .minor = entry.device_minor,
                         .mtime = archive::layer_time(entry).tv_sec,
                         .mtime_ns = static_cast<std::uint32_t>(archive::layer_time(entry).tv_nsec),
                         .link_to = ""};
  return make_node(at, node);
}

Result<void> OverlayMarks::link_node(sys::At at, const std::string&, const std::string& target,
                                     const archive::TarEntry& entry) {
  ParentDirs parents(*root_);
  const sys::At existing = TRY(parents.at(target));
  TRY(sys::link_at(existing, at));
  // The entry of a hard link has metadata of its own, and the last one wins.
  TRY(sys::set_owner_at(at, entry.uid, entry.gid));
  TRY(sys::set_mode_at(at, entry.mode));
  const timespec time = archive::layer_time(entry);
  return sys::set_times_at(at, time, time);
}

Result<void> OverlayMarks::implied(const std::string&) {
  return {};
}

Result<void> OverlayMarks::xattr(sys::At at, const std::string&, const archive::Xattr& xattr) {
  auto set = sys::set_xattr_at(at, xattr.name, xattr.value);
  // What the filesystem does not take, an engine leaves out as well.
  if (!set && (set.error().is(std::errc::operation_not_supported) ||
               set.error().is(std::errc::operation_not_permitted))) {
    return {};
  }
  return set;
}

Result<void> build_skeleton(const Fd& dir, sys::At anchor, const cache::Skeleton& skeleton) {
  ParentDirs parents(dir);
  for (const std::string& path : skeleton.mark_dirs()) {
    const sys::At at = TRY(parents.at(path));
    TRY(sys::make_dir_at(at, 0755)); // the tree above shows its own
  }
  for (const std::string& path : skeleton.opaque) {
    const Fd opaque =
        TRY(sys::open_beneath(dir, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
    TRY(mark_opaque(opaque).within(path));
  }
  WhiteoutMaker whiteouts(anchor);
  for (const std::string& path : skeleton.whiteouts) {
    const sys::At at = TRY(parents.at(path));
    TRY(whiteouts.make(at).within(path));
  }
  TRY(whiteouts.finish());
  for (const cache::Node& node : skeleton.nodes) {
    if (!node.link_to.empty()) {
      ParentDirs targets(dir);
      const sys::At target = TRY(targets.at(node.link_to));
      const sys::At at = TRY(parents.at(node.path));
      TRY(sys::link_at(target, at));
      continue;
    }
    const sys::At at = TRY(parents.at(node.path));
    TRY(make_node(at, node).within(node.path));
  }
  return {};
}

} // namespace dind::store
