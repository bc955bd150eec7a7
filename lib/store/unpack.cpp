#include <store/unpack.hpp>

#include <archive/disk_tree.hpp>
#include <archive/layer_rules.hpp>
#include <archive/tar_reader.hpp>
#include <sys/xattr.hpp>

namespace dind::store {

Result<std::optional<archive::TarEntry>> unpack(archive::ByteSource& tar, const Fd& root,
                                                archive::Marks& marks, const SetXattr& set_xattr) {
  archive::DiskTree tree(root, [&](sys::At at, const std::string& /*path*/,
                                   const archive::Xattr& xattr) { return set_xattr(at, xattr); });
  archive::LayerRules rules(tree, marks);
  archive::TarReader reader(tar);
  std::optional<archive::TarEntry> root_entry;
  const auto note_root = [&](const archive::TarEntry& entry,
                             const std::string& path) -> Result<void> {
    if (path.empty() && entry.type == archive::EntryType::directory) {
      root_entry = entry;
    }
    return {};
  };
  TRY(archive::read_layer(reader, rules, note_root));
  return root_entry;
}

Result<void> set_root_metadata(const Fd& root, const archive::TarEntry& entry) {
  const std::string here = ".";
  const sys::At at{root, here};
  TRY(sys::set_owner_at(at, entry.uid, entry.gid));
  for (const archive::Xattr& xattr : entry.xattrs) {
    TRY(set_layer_xattr(at, xattr));
  }
  TRY(sys::set_mode_at(at, entry.mode));
  const timespec time = archive::layer_time(entry);
  return sys::set_times_at(at, time, time);
}

Result<void> set_layer_xattr(sys::At at, const archive::Xattr& xattr) {
  auto set = sys::set_xattr_at(at, xattr.name, xattr.value);
  if (!set && (set.error().is(std::errc::operation_not_supported) ||
               set.error().is(std::errc::operation_not_permitted))) {
    return {};
  }
  return set;
}

} // namespace dind::store
