#include <bake/layer_writer.hpp>

#include <archive/unpacker.hpp>
#include <bake/skeleton_marks.hpp>
#include <bake/tar_split_file.hpp>
#include <base/utf8.hpp>
#include <cache/canary.hpp>
#include <sys/file.hpp>
#include <images/read_ahead.hpp>

namespace dind::bake {
namespace {

const std::string kTree = "tree";
const std::string kTarSplit = "tar-split.json.gz";
const std::string kSkeleton = cache::kSkeletonName;

Result<cache::Skeleton> unpack(archive::ByteSource& tar, const Fd& dir, WrittenLayer& layer) {
  TRY(sys::make_dir_at({dir, kTree}, 0755));
  const Fd tree = TRY(sys::open_dir_at({dir, kTree}));
  const Fd split_fd = TRY(sys::open_at({dir, kTarSplit}, O_WRONLY | O_CREAT | O_EXCL, 0644));
  TarSplitFile split(split_fd);
  SkeletonMarks marks;
  archive::Unpacker unpacker(tree, marks);
  LayerTally tally(layer, marks.notes());
  archive::TarReader reader(tar, &split.observer());
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      break;
    }
    const std::string name = printable(entry->name);
    TRY(unpacker.add(*entry, reader).within(name));
    TRY(tally.see(*entry).within(name));
  }
  // The digests are compared at the very end of the bytes.
  TRY(archive::drain(tar));
  TRY(split.finish());
  TRY(unpacker.finish());
  return tally.finish(
      [&tree](const std::string& path) { return cache::make_sentinel(tree, path); });
}

// Modes and times that do not depend on when and by whom the layer is written.
Result<void> settle(const Fd& dir, const std::string& name) {
  TRY(sys::set_mode_at({dir, name}, 0644));
  return sys::set_times_at({dir, name}, cache::kFileTime, cache::kFileTime);
}

} // namespace

Result<WrittenLayer> write_layer(archive::ByteSource& stored, const LayerDigests& expected,
                                 const Fd& dir) {
  const auto source = TRY(LayerSource::open(stored, expected));
  WrittenLayer layer{{.diff_id = expected.diff_id, .only_directories = true}, {}};
  cache::Skeleton skeleton;
  {
    images::ReadAhead tar(*source);
    skeleton = TRY(unpack(tar, dir, layer));
  }
  layer.facts.tar_bytes = source->tar_bytes();
  if (!skeleton.empty()) {
    TRY(sys::create_file_at({dir, kSkeleton}, cache::print_skeleton(skeleton), 0644));
    TRY(settle(dir, kSkeleton));
  }
  TRY(settle(dir, kTarSplit));
  const std::string here = ".";
  TRY(sys::set_times_at({dir, here}, cache::kFileTime, cache::kFileTime));
  return layer;
}

Result<void> check_layer(archive::ByteSource& stored, const LayerDigests& expected) {
  const auto source = TRY(LayerSource::open(stored, expected));
  return archive::drain(*source);
}

} // namespace dind::bake
