#include <bake/bake.hpp>

#include <bake/layer_pool.hpp>
#include <bake/layer_writer.hpp>
#include <base/readable.hpp>
#include <sys/file.hpp>

#include <unistd.h>

#include <iterator>

namespace dind::bake {
namespace {

constexpr std::size_t kMaxWorkers = 4; // more only compete for the disk

// Files take at least the room that their layer has in the source, compressed or not.
// Better to say so now than in minutes.
Result<void> check_room(const CacheWriter& writer, std::uint64_t needed) {
  const auto room = TRY(sys::free_space(writer.root()));
  if (needed > room.bytes) {
    return Error(fmt::format("{} needs at least {}, and {} are free", writer.target().native(),
                             readable_size(needed), readable_size(room.bytes)),
                 ENOSPC);
  }
  return {};
}

} // namespace

Result<BakeReport> bake(CacheWriter& writer, const images::Collection& collection,
                        Progress& progress, const StopFlag& stop) {
  const KnownLayer none = [](const Digest&) { return nullptr; };
  const std::uint64_t in_all = TRY(bytes_to_read(collection, none));
  progress.begin("layers", in_all);
  TRY(check_room(writer, in_all));
  const MakeLayer make = [&](archive::ByteSource& stored,
                             const LayerDigests& expected) -> Result<WrittenLayer> {
    const Fd dir = TRY(writer.make_layer_dir(expected.diff_id));
    return write_layer(stored, expected, dir);
  };
  auto layers = make_layers(collection, make, none, kMaxWorkers, progress, stop);
  if (!layers) {
    Error failure = std::move(layers).error();
    return failure.code() == EPERM && ::geteuid() != 0
               ? std::move(failure).within("only root can give files their owners")
               : failure;
  }
  BakeReport report;
  for (WrittenLayer& layer : *layers) {
    report.bytes += layer.facts.bytes;
    report.manifest.layers.push_back(std::move(layer.facts));
    std::move(layer.warnings.begin(), layer.warnings.end(), std::back_inserter(report.warnings));
  }
  for (const images::PlannedImage& planned : collection.images()) {
    TRY(writer.write_config(planned.image.id, planned.config));
    report.layer_uses += planned.image.layers.size();
    report.manifest.images.push_back(planned.image);
  }
  if (stop) {
    return stopped();
  }
  progress.done();
  TRY(writer.finish(report.manifest));
  return report;
}

} // namespace dind::bake
