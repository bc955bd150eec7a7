#include <store/nodes.hpp>

#include <archive/layer_rules.hpp>

#include <sys/sysmacros.h>

namespace dind::store {

Result<void> make_node(sys::At at, const cache::Node& node) {
  TRY(sys::make_node_at(at, node.mode, ::makedev(node.major, node.minor)));
  TRY(sys::set_owner_at(at, node.uid, node.gid));
  TRY(sys::set_mode_at(at, node.mode)); // the umask and chown have had their say
  const timespec time = archive::layer_time(node.mtime, node.mtime_ns);
  return sys::set_times_at(at, time, time);
}

Result<void> make_node(sys::At at, const archive::TarEntry& entry) {
  return make_node(at, cache::node_of("", entry));
}

Result<void> link_node(sys::At at, const Fd& root, const std::string& target,
                       const archive::TarEntry& entry) {
  ParentDirs targets(root);
  const sys::At existing = TRY(targets.at(target));
  TRY(sys::link_at(existing, at));
  // The entry of a hard link has metadata of its own, and the last one wins.
  TRY(sys::set_owner_at(at, entry.uid, entry.gid));
  TRY(sys::set_mode_at(at, entry.mode));
  const timespec time = archive::layer_time(entry);
  return sys::set_times_at(at, time, time);
}

Result<void> make_nodes(const Fd& root, ParentDirs& parents,
                        const std::vector<cache::Node>& nodes) {
  for (const cache::Node& node : nodes) {
    const sys::At at = TRY(parents.at(node.path));
    if (node.link_to.empty()) {
      TRY(make_node(at, node).within(node.path));
      continue;
    }
    ParentDirs targets(root);
    const sys::At target = TRY(targets.at(node.link_to));
    TRY(sys::link_at(target, at));
  }
  return {};
}

} // namespace dind::store
