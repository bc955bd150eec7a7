#include <cache/expected_tree.hpp>

#include <archive/layer_rules.hpp>
#include <archive/link_walk.hpp>
#include <archive/member_path.hpp>
#include <sys/xattr.hpp>

#include <sys/stat.h>

#include <algorithm>

namespace dind::cache {
namespace {

using archive::EntryType;
using archive::TarEntry;

std::uint32_t type_bits(EntryType type) {
  switch (type) {
  case EntryType::directory:
    return S_IFDIR;
  case EntryType::symlink:
    return S_IFLNK;
  case EntryType::char_device:
    return S_IFCHR;
  case EntryType::block_device:
    return S_IFBLK;
  case EntryType::fifo:
    return S_IFIFO;
  default:
    return S_IFREG;
  }
}

bool is_node(EntryType type) {
  return type == EntryType::char_device || type == EntryType::block_device ||
         type == EntryType::fifo;
}

std::optional<std::string> capability_of(const TarEntry& entry) {
  for (const archive::Xattr& xattr : entry.xattrs) {
    if (xattr.name == sys::kCapabilityXattr) {
      return sys::capability_as_read(xattr.value);
    }
  }
  return std::nullopt;
}

} // namespace

ExpectedTree::ExpectedTree()
    : paths_{{"", 0}}, inodes_{{.mode = S_IFDIR | 0755}}, index_{{"", 0}} {}

Result<void> ExpectedTree::add(const TarEntry& entry) {
  if (entry.type == EntryType::global_header) {
    return {};
  }
  const bool is_first = entries_++ == 0;
  if (is_first) {
    inodes_.front().mtime = archive::layer_time(entry).tv_sec;
  }
  const std::string path = TRY(path_of(entry.name));
  if (path.empty()) {
    return {}; // the root's own entry counts for nothing
  }
  require_parents(path, entry);
  const std::string_view name = archive::base_of(path);
  if (name.starts_with(archive::kWhiteoutPrefix)) {
    add_mark(std::string(archive::parent_of(path)), name);
    return {};
  }
  if (const auto deleted = deleted_.find(path); deleted != deleted_.end()) {
    deleted->second = false;
    skeleton_.overridden_whiteouts.push_back(path);
  }
  if (entry.type == EntryType::hard_link) {
    return add_link(path, entry);
  }
  if (is_node(entry.type)) {
    add_node(path, entry);
  } else {
    add_inode(path, entry);
  }
  return {};
}

Result<std::string> ExpectedTree::path_of(const std::string& name) const {
  std::string path = TRY(archive::clean_path(name));
  const auto parent = index_.find(std::string(archive::parent_of(path)));
  if (parent != index_.end() && S_ISDIR(inodes_[paths_[parent->second].inode].mode)) {
    return path;
  }
  return archive::follow_parents(path, [this](const std::string& at) {
    using What = archive::AtPath::What;
    const auto found = index_.find(at);
    if (found == index_.end()) {
      return archive::AtPath{What::other};
    }
    const ExpectedInode& inode = inodes_[paths_[found->second].inode];
    return S_ISLNK(inode.mode)
               ? archive::AtPath{What::symlink, inode.target}
               : archive::AtPath{S_ISDIR(inode.mode) ? What::directory : What::other};
  });
}

void ExpectedTree::require_parents(const std::string& path, const TarEntry& cause) {
  const std::string parent(archive::parent_of(path));
  if (index_.contains(parent)) {
    return;
  }
  require_parents(parent, cause);
  // The kernel hands a setgid bit down.
  const std::uint32_t above =
      inodes_[paths_[index_.at(std::string(archive::parent_of(parent)))].inode].mode;
  index_.emplace(parent, paths_.size());
  paths_.push_back({parent, inodes_.size()});
  inodes_.push_back(
      {.mode = S_IFDIR | 0755 | (above & S_ISGID), .mtime = archive::layer_time(cause).tv_sec});
  implied_.emplace(parent, true);
  skeleton_.implied.push_back(parent);
}

void ExpectedTree::add_mark(const std::string& parent, std::string_view name) {
  if (name == archive::kOpaqueName) {
    skeleton_.opaque.push_back(parent);
    return;
  }
  std::string path = parent;
  path.append(parent.empty() ? "" : "/").append(name.substr(archive::kWhiteoutPrefix.size()));
  deleted_[path] = true;
  skeleton_.whiteouts.push_back(std::move(path));
}

Result<void> ExpectedTree::add_link(const std::string& path, const TarEntry& entry) {
  const std::string target = TRY(path_of(entry.link_name));
  if (const auto node = nodes_.find(target); node != nodes_.end()) {
    Node& first = skeleton_.nodes[node->second];
    first.mode = (first.mode & S_IFMT) | entry.mode;
    first.uid = entry.uid;
    first.gid = entry.gid;
    first.mtime = entry.mtime;
    first.mtime_ns = entry.mtime_ns;
    Node link;
    link.path = path;
    link.link_to = first.path;
    nodes_.emplace(path, node->second);
    skeleton_.nodes.push_back(std::move(link));
    return {};
  }
  const auto found = index_.find(target);
  if (found == index_.end()) {
    return input_error("hard link {} leads to {}, which the layer does not have", path, target);
  }
  const std::size_t shared = paths_[found->second].inode;
  index_.emplace(path, paths_.size());
  paths_.push_back({path, shared});
  ExpectedInode& inode = inodes_[shared];
  inode.uid = entry.uid;
  inode.gid = entry.gid;
  if (S_ISREG(inode.mode)) {
    inode.mode = S_IFREG | entry.mode;
    inode.mtime = archive::layer_time(entry).tv_sec;
    inode.capability = capability_of(entry); // chown takes the old one away
  }
  note_xattrs(path, entry);
  return {};
}

void ExpectedTree::add_node(const std::string& path, const TarEntry& entry) {
  nodes_.emplace(path, skeleton_.nodes.size());
  skeleton_.nodes.push_back(node_of(path, entry));
}

void ExpectedTree::add_inode(const std::string& path, const TarEntry& entry) {
  ExpectedInode inode{.mode = type_bits(entry.type) | entry.mode,
                      .uid = entry.uid,
                      .gid = entry.gid,
                      .size = entry.size,
                      .mtime = archive::layer_time(entry).tv_sec,
                      .target = entry.type == EntryType::symlink ? entry.link_name : "",
                      .capability = capability_of(entry)};
  if (const auto implied = implied_.find(path); implied != implied_.end()) {
    implied->second = false;
  }
  // A directory that an earlier entry implied, or made by another spelling of its name.
  if (const auto there = index_.find(path); there != index_.end()) {
    inodes_[paths_[there->second].inode] = std::move(inode);
  } else {
    index_.emplace(path, paths_.size());
    paths_.push_back({path, inodes_.size()});
    inodes_.push_back(std::move(inode));
  }
  note_xattrs(path, entry);
}

void ExpectedTree::note_xattrs(const std::string& path, const TarEntry& entry) {
  LostXattrs lost{path, {}};
  for (const archive::Xattr& xattr : entry.xattrs) {
    if (xattr.name != sys::kCapabilityXattr) {
      lost.names.push_back(xattr.name);
    }
  }
  if (!lost.names.empty()) {
    skeleton_.lost_xattrs.push_back(std::move(lost));
  }
}

std::uint64_t ExpectedTree::bytes() const {
  std::uint64_t bytes = 0;
  for (const ExpectedInode& inode : inodes_) {
    bytes += S_ISREG(inode.mode) ? inode.size : inode.target.size();
  }
  return bytes;
}

bool ExpectedTree::only_directories() const {
  return std::all_of(inodes_.begin(), inodes_.end(),
                     [](const ExpectedInode& inode) { return S_ISDIR(inode.mode); });
}

Skeleton ExpectedTree::take_skeleton() {
  std::erase_if(skeleton_.whiteouts, [&](const std::string& path) { return !deleted_.at(path); });
  std::erase_if(skeleton_.implied, [&](const std::string& path) { return !implied_.at(path); });
  for (Node& node : skeleton_.nodes) {
    if (!node.link_to.empty()) {
      Node whole = skeleton_.nodes[nodes_.at(node.path)];
      whole.link_to = whole.path;
      whole.path = node.path;
      node = std::move(whole);
    }
  }
  return std::move(skeleton_);
}

} // namespace dind::cache
