#include <bake/skeleton_marks.hpp>

#include <base/utf8.hpp>
#include <sys/xattr.hpp>

#include <algorithm>

namespace dind::bake {
namespace {

std::uint32_t type_bits(archive::EntryType type) {
  switch (type) {
  case archive::EntryType::char_device:
    return S_IFCHR;
  case archive::EntryType::block_device:
    return S_IFBLK;
  default:
    return S_IFIFO;
  }
}

} // namespace

Result<void> SkeletonMarks::whiteout(sys::At, const std::string& path, const archive::TarEntry&) {
  skeleton_.whiteouts.push_back(path);
  return {};
}

Result<void> SkeletonMarks::override_whiteout(sys::At, const std::string& path) {
  overridden_.insert(path);
  skeleton_.overridden_whiteouts.push_back(path);
  return {};
}

Result<void> SkeletonMarks::opaque(const Fd&, const std::string& path) {
  skeleton_.opaque.push_back(path);
  return {};
}

Result<void> SkeletonMarks::node(sys::At, const std::string& path, const archive::TarEntry& entry) {
  node_index_.emplace(path, skeleton_.nodes.size());
  skeleton_.nodes.push_back({.path = path,
                             .mode = type_bits(entry.type) | entry.mode,
                             .uid = entry.uid,
                             .gid = entry.gid,
                             .major = entry.device_major,
                             .minor = entry.device_minor,
                             .mtime = entry.mtime,
                             .mtime_ns = entry.mtime_ns});
  return {};
}

Result<void> SkeletonMarks::link_node(sys::At, const std::string& path, const std::string& target,
                                      const archive::TarEntry& entry) {
  const auto found = node_index_.find(target);
  if (found == node_index_.end()) {
    return input_error("hard link {} leads to {}, which the layer does not have", path, target);
  }
  const std::size_t first = found->second;
  // The links share one inode, and the last entry's metadata is what it keeps.
  cache::Node& node = skeleton_.nodes[first];
  node.mode = (node.mode & S_IFMT) | entry.mode;
  node.uid = entry.uid;
  node.gid = entry.gid;
  node.mtime = entry.mtime;
  node.mtime_ns = entry.mtime_ns;
  node_index_.emplace(path, first);
  cache::Node link;
  link.path = path;
  link.link_to = node.path;
  skeleton_.nodes.push_back(std::move(link));
  return {};
}

Result<void> SkeletonMarks::implied(const std::string& path) {
  skeleton_.implied.push_back(path);
  return {};
}

Result<void> SkeletonMarks::xattr(sys::At at, const std::string& path,
                                  const archive::Xattr& xattr) {
  if (xattr.name != sys::kCapabilityXattr) {
    lose(path, xattr.name,
         fmt::format("extended attributes that no image layer carries: {} on {}",
                     printable(xattr.name), printable(path)));
    return {};
  }
  auto set = sys::set_xattr_at(at, xattr.name, xattr.value);
  if (set) {
    if (capable_.empty()) {
      capable_ = path;
    }
    return {};
  }
  // EPERM: no CAP_SETFCAP; EOPNOTSUPP: the filesystem keeps none.
  if (set.error().code() == EPERM || set.error().code() == EOPNOTSUPP) {
    lose(path, xattr.name,
         fmt::format("the capability of {} could not be set where it was baked", printable(path)));
    return {};
  }
  return set;
}

void SkeletonMarks::lose(const std::string& path, const std::string& name,
                         const std::string& reason) {
  auto& lost = skeleton_.lost_xattrs;
  if (lost.empty() || lost.back().path != path) {
    lost.push_back({path, {}});
  }
  lost.back().names.push_back(name);
  if (copy_reason_.empty()) {
    copy_reason_ = reason;
  }
}

cache::Skeleton SkeletonMarks::take() {
  for (cache::Node& node : skeleton_.nodes) {
    if (!node.link_to.empty()) {
      cache::Node whole = skeleton_.nodes[node_index_.at(node.path)];
      whole.link_to = whole.path;
      whole.path = node.path;
      node = std::move(whole);
    }
  }
  std::erase_if(skeleton_.whiteouts,
                [&](const std::string& path) { return overridden_.contains(path); });
  return std::move(skeleton_);
}

} // namespace dind::bake
