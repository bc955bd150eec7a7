#include <support/layer.hpp>

#include <archive/disk_tree.hpp>
#include <archive/layer_rules.hpp>
#include <archive/member_path.hpp>
#include <sys/xattr.hpp>
#include <tar_split/tar_source.hpp>
#include <tar_split/writer.hpp>

namespace dind::test {

using archive::TarEntry;

Result<void> RecordingMarks::whiteout(const std::string& path) {
  whiteouts.push_back(path);
  return {};
}

Result<void> RecordingMarks::override_whiteout(const std::string& path) {
  overridden.push_back(path);
  return {};
}

Result<void> RecordingMarks::opaque(const std::string& path) {
  opaque_dirs.push_back(path);
  return {};
}

Result<void> RecordingMarks::node(const std::string& path, const TarEntry& entry) {
  nodes.emplace_back(path, entry);
  return {};
}

Result<void> RecordingMarks::link_node(const std::string& path, const std::string& target,
                                       const TarEntry&) {
  node_links.emplace_back(path, target);
  return {};
}

Result<void> RecordingMarks::implied(const std::string& path) {
  implied_dirs.push_back(path);
  return {};
}

Result<void> set_any_xattr(sys::At at, const std::string& /*path*/, const archive::Xattr& xattr) {
  return sys::set_xattr_at(at, xattr.name, xattr.value);
}

Result<std::string> unpack(std::string_view tar, const Fd& root, archive::Marks& marks,
                           const archive::SetXattr& set_xattr) {
  std::string json;
  tar_split::Writer split([&json](std::string_view text) -> Result<void> {
    json += text;
    return {};
  });
  archive::MemorySource source(tar);
  archive::TarReader reader(source, &split);
  archive::DiskTree tree(root, set_xattr);
  archive::LayerRules rules(tree, marks);
  TRY(archive::read_layer(reader, rules));
  TRY(split.finish());
  return json;
}

Result<std::string> make_again(std::string_view tar_split, const Fd& root) {
  archive::MemorySource json(tar_split);
  tar_split::TarSource tar(json, [&root](const std::string& name) -> Result<Fd> {
    const std::string path = TRY(archive::clean_path(name));
    return sys::open_within(root, path, O_RDONLY);
  });
  return read_whole(tar);
}

Result<std::vector<TarEntry>> members_of(std::string_view tar) {
  archive::MemorySource source(tar);
  archive::TarReader reader(source);
  std::vector<TarEntry> members;
  for (;;) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry) {
      return members;
    }
    members.push_back(*std::move(entry));
  }
}

Result<std::string> read_whole(archive::ByteSource& source) {
  std::string all;
  std::string chunk(65536, '\0');
  for (;;) {
    const std::size_t got = TRY(source.read(std::as_writable_bytes(std::span(chunk))));
    if (got == 0) {
      return all;
    }
    all.append(chunk, 0, got);
  }
}

} // namespace dind::test
