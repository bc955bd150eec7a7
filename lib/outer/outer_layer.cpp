#include <outer/outer_layer.hpp>

#include <archive/member_header.hpp>
#include <bake/layer_reader.hpp>
#include <cache/canary.hpp>
#include <cache/reader.hpp>
#include <sys/file.hpp>
#include <images/spool.hpp>
#include <outer/outer_tree.hpp>

namespace dind::outer {
namespace {

constexpr std::uint32_t kDirMode = 0755;
constexpr std::uint32_t kMemberMode = 0644;
constexpr std::uint32_t kLinkMode = 0777;

Result<void> put_dir(archive::ByteSink& tar, const OuterDir& dir) {
  return tar.write_text(archive::print_member_header({.name = dir.path,
                                                      .type = archive::EntryType::directory,
                                                      .mode = dir.mode,
                                                      .uid = dir.uid,
                                                      .gid = dir.gid,
                                                      .mtime = dir.mtime,
                                                      .mtime_ns = dir.mtime_ns}));
}

Result<void> put_file(archive::ByteSink& tar, const std::string& name, std::string_view content) {
  TRY(tar.write_text(
      archive::print_member_header({.name = name, .mode = kMemberMode, .size = content.size()})));
  TRY(tar.write_text(content));
  return tar.write_text(archive::member_padding(content.size()));
}

Result<void> put_file(archive::ByteSink& tar, const std::string& name, const Fd& content) {
  const auto size = static_cast<std::uint64_t>(TRY(sys::stat_of(content)).st_size);
  TRY(tar.write_text(
      archive::print_member_header({.name = name, .mode = kMemberMode, .size = size})));
  archive::RangeSource source(content, 0, size);
  TRY(archive::pour(source, tar));
  return tar.write_text(archive::member_padding(size));
}

std::string in_cache(const CachePlace& place, const std::string& name) {
  return place.relative_path().native() + "/" + name;
}

} // namespace

std::vector<std::string> places_down_to(const CachePlace& place) {
  std::vector<std::string> places;
  boost::filesystem::path at;
  for (const auto& part : place.relative_path()) {
    at /= part;
    places.push_back(at.native());
  }
  return places;
}

Result<bake::WrittenLayer> write_outer_layer(archive::ByteSource& stored,
                                             const bake::LayerDigests& expected,
                                             const CachePlace& place, const Fd& scratch,
                                             archive::ByteSink& tar) {
  TRY(write_folder_parents(place, tar));
  auto layer = TRY(write_folder(stored, expected, place, scratch, tar));
  TRY(tar.write_text(archive::tar_trailer()));
  return layer;
}

Result<void> write_folder_parents(const CachePlace& place, archive::ByteSink& tar) {
  for (const std::string& path : places_down_to(place / "layer")) {
    TRY(put_dir(tar, {.path = path}));
  }
  return put_dir(tar, {.path = in_cache(place, cache::kShortNamesDir)});
}

Result<bake::WrittenLayer> write_folder(archive::ByteSource& stored,
                                        const bake::LayerDigests& expected, const CachePlace& place,
                                        const Fd& scratch, archive::ByteSink& tar) {
  const std::string dir = in_cache(place, cache::layer_dir(expected.diff_id));
  TRY(put_dir(tar, {.path = dir}));
  TRY(tar.write_text(
      archive::print_member_header({.name = in_cache(place, cache::short_name(expected.diff_id)),
                                    .type = archive::EntryType::symlink,
                                    .mode = kLinkMode,
                                    .link_name = cache::short_name_target(expected.diff_id)})));
  const Fd split = TRY(images::make_nameless(scratch));
  cache::SkeletonRecorder recorder;
  OuterTree tree(tar, dir + "/tree", recorder);
  const auto sentinel = [&](const std::string& path, std::uint32_t inode) {
    return Result<cache::Sentinel>(tree.sentinel(path, inode));
  };
  auto layer = TRY(bake::read_layer(stored, expected, {split, tree, recorder, sentinel}));
  TRY(put_file(tar, dir + "/tar-split.json.gz", split));
  if (!layer.skeleton.empty()) {
    TRY(put_file(tar, dir + "/" + cache::kSkeletonName, cache::print_skeleton(layer.skeleton)));
  }
  return std::move(layer.written);
}

Result<void> write_blob_parents(const CachePlace& place, archive::ByteSink& tar) {
  for (const std::string& path : places_down_to(place / cache::kBlobsDir)) {
    TRY(put_dir(tar, {.path = path}));
  }
  return {};
}

Result<void> write_blob_file(const CachePlace& place, const cache::Blob& blob,
                             archive::ByteSource& bytes, archive::ByteSink& tar) {
  TRY(tar.write_text(
      archive::print_member_header({.name = in_cache(place, cache::blob_file(blob.digest)),
                                    .mode = kMemberMode,
                                    .size = blob.size})));
  TRY(archive::pour(bytes, tar));
  return tar.write_text(archive::member_padding(blob.size));
}

Result<void> write_index_layer(const std::vector<OuterDir>& parents, const CachePlace& place,
                               const cache::Manifest& manifest, const std::vector<NamedText>& texts,
                               archive::ByteSink& tar) {
  for (const OuterDir& dir : parents) {
    TRY(put_dir(tar, dir));
  }
  const std::string root = place.relative_path().native();
  for (const std::string& path :
       {root, root + "/blob", root + "/config", root + "/l", root + "/layer", root + "/manifest"}) {
    TRY(put_dir(tar, {.path = path}));
  }
  for (const NamedText& text : texts) {
    TRY(put_file(tar, in_cache(place, text.file), text.text));
  }
  for (const cache::CanaryMember& member : cache::canary_members()) {
    archive::TarEntry entry = member.entry;
    entry.name = in_cache(place, entry.name);
    if (entry.type == archive::EntryType::hard_link) {
      entry.link_name = in_cache(place, entry.link_name);
    }
    TRY(tar.write_text(archive::print_member_header(entry)));
    TRY(tar.write_text(member.content));
    TRY(tar.write_text(archive::member_padding(member.content.size())));
  }
  TRY(put_file(tar, in_cache(place, cache::kManifestName), cache::print_manifest(manifest)));
  return tar.write_text(archive::tar_trailer());
}

} // namespace dind::outer
