#include <store/unpack.hpp>

#include <archive/member_path.hpp>
#include <archive/tar_reader.hpp>
#include <sys/xattr.hpp>

namespace dind::store {

Result<std::optional<archive::TarEntry>> unpack(archive::ByteSource& tar, const Fd& root,
                                                archive::Marks& marks) {
  archive::Unpacker unpacker(root, marks);
  archive::TarReader reader(tar);
  std::optional<archive::TarEntry> root_entry;
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      TRY(unpacker.finish());
      return root_entry;
    }
    TRY(unpacker.add(*entry, reader));
    const auto path = archive::clean_path(entry->name);
    if (path && path->empty() && entry->type == archive::EntryType::directory) {
      root_entry = *entry;
    }
  }
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
