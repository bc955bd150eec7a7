#include <cache/skeleton_recorder.hpp>

#include <base/utf8.hpp>
#include <sys/xattr.hpp>

#include <sys/stat.h>

#include <algorithm>

namespace dind::cache {

Result<void> SkeletonRecorder::whiteout(const std::string& path) {
  skeleton_.whiteouts.push_back(path);
  return {};
}

Result<void> SkeletonRecorder::override_whiteout(const std::string& path) {
  overridden_.insert(path);
  skeleton_.overridden_whiteouts.push_back(path);
  return {};
}

Result<void> SkeletonRecorder::opaque(const std::string& path) {
  skeleton_.opaque.push_back(path);
  return {};
}

Result<void> SkeletonRecorder::implied(const std::string& path) {
  skeleton_.implied.push_back(path);
  return {};
}

Result<void> SkeletonRecorder::node(const std::string& path, const archive::TarEntry& entry) {
  node_index_.emplace(path, skeleton_.nodes.size());
  skeleton_.nodes.push_back(node_of(path, entry));
  return {};
}

Result<void> SkeletonRecorder::link_node(const std::string& path, const std::string& target,
                                         const archive::TarEntry& entry) {
  const auto found = node_index_.find(target);
  if (found == node_index_.end()) {
    return input_error("hard link {} leads to {}, which the layer does not have", path, target);
  }
  const std::size_t first = found->second;
  // The links share one inode, and the last entry's metadata is what it keeps.
  Node& node = skeleton_.nodes[first];
  node.mode = (node.mode & S_IFMT) | entry.mode;
  node.uid = entry.uid;
  node.gid = entry.gid;
  node.mtime = entry.mtime;
  node.mtime_ns = entry.mtime_ns;
  node_index_.emplace(path, first);
  Node link;
  link.path = path;
  link.link_to = node.path;
  skeleton_.nodes.push_back(std::move(link));
  return {};
}

void SkeletonRecorder::capability(const std::string& path) {
  if (capable_.empty()) {
    capable_ = path;
  }
}

void SkeletonRecorder::lose_untransportable(const std::string& path, const std::string& name) {
  lose(path, name,
       fmt::format("extended attributes that no image layer carries: {} on {}", printable(name),
                   printable(path)));
}

void SkeletonRecorder::lose_empty_capability(const std::string& path) {
  lose(path, std::string(sys::kCapabilityXattr),
       fmt::format("an empty capability, on {}", printable(path)));
}

void SkeletonRecorder::lose(const std::string& path, const std::string& name,
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

Skeleton SkeletonRecorder::take() {
  for (Node& node : skeleton_.nodes) {
    if (!node.link_to.empty()) {
      Node whole = skeleton_.nodes[node_index_.at(node.path)];
      whole.link_to = whole.path;
      whole.path = node.path;
      node = std::move(whole);
    }
  }
  std::erase_if(skeleton_.whiteouts,
                [&](const std::string& path) { return overridden_.contains(path); });
  return std::move(skeleton_);
}

} // namespace dind::cache
