#include <bake/layer_reader.hpp>

#include <bake/tar_split_file.hpp>
#include <images/read_ahead.hpp>

namespace dind::bake {

Result<ReadLayer> read_layer(archive::ByteSource& stored, const LayerDigests& expected,
                             const LayerTarget& target) {
  const auto source = TRY(LayerSource::open(stored, expected));
  ReadLayer layer{{{.diff_id = expected.diff_id, .only_directories = true}, {}}, {}};
  {
    images::ReadAhead tar(*source);
    TarSplitFile split(target.tar_split);
    archive::TarReader reader(tar, &split.observer());
    archive::LayerRules rules(target.tree, target.recorder);
    LayerTally tally(layer.written, target.recorder);
    TRY(archive::read_layer(reader, rules,
                            [&](const archive::TarEntry& entry, const std::string& path) {
                              tally.see(entry, path);
                              return Result<void>();
                            }));
    // The digests are compared at the very end of the bytes.
    TRY(archive::drain(tar));
    TRY(split.finish());
    layer.skeleton = TRY(tally.finish([&](const std::string& path) -> Result<cache::Sentinel> {
      return target.sentinel(path, rules.inode_of(path).value());
    }));
  }
  layer.written.facts.tar_bytes = source->tar_bytes();
  return layer;
}

} // namespace dind::bake
