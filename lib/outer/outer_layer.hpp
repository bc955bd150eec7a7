#pragma once

#include <archive/byte_sink.hpp>
#include <bake/layer_source.hpp>
#include <bake/layer_tally.hpp>
#include <base/fd.hpp>
#include <cache/manifest.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <vector>

namespace dind::outer {

// Where the cache of an outer image is; absolute. Its layers' tars begin with its parents, which
// are 0755 root of the epoch there.
using CachePlace = boost::filesystem::path;

// Writes the outer layer of one inner layer as a tar: its folder in the cache, exactly as
// `write_layer` makes it, and nothing that depends on the image or on other layers. The
// same layer gives the same bytes. Scratch files lie in `scratch`; `stored` is read on
// another thread. What `tar` got is worthless after an error.
Result<bake::WrittenLayer> write_outer_layer(archive::ByteSource& stored,
                                             const bake::LayerDigests& expected,
                                             const CachePlace& place, const Fd& scratch,
                                             archive::ByteSink& tar);

// The same in parts, for an outer layer that several share: the directories above all folders,
// and one folder. A trailer ends the tar.
Result<void> write_folder_parents(const CachePlace& place, archive::ByteSink& tar);
Result<bake::WrittenLayer> write_folder(archive::ByteSource& stored,
                                        const bake::LayerDigests& expected, const CachePlace& place,
                                        const Fd& scratch, archive::ByteSink& tar);

// One outer layer for compressed layers that the cache carries: the directories above them, and
// each as a file. A trailer ends the tar.
Result<void> write_blob_parents(const CachePlace& place, archive::ByteSink& tar);
Result<void> write_blob_file(const CachePlace& place, const cache::Blob& blob,
                             archive::ByteSource& bytes, archive::ByteSink& tar);

// A directory above the cache, as the base has it; or one that the base lacks.
struct OuterDir {
  std::string path; // "var/lib"
  std::uint32_t mode = 0755;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime = 0;
  std::uint32_t mtime_ns = 0;
};

// A file of the cache, named as cache/reader.hpp says: a configuration, a manifest, an index.
struct NamedText {
  std::string file;
  std::string text;
};

// Writes the outer layer that has everything else: `parents`, the cache's own directories,
// `texts`, canary and cache.json. `manifest` must be complete.
Result<void> write_index_layer(const std::vector<OuterDir>& parents, const CachePlace& place,
                               const cache::Manifest& manifest, const std::vector<NamedText>& texts,
                               archive::ByteSink& tar);

// "var/lib/dind-cache" and its parents, "var" first.
std::vector<std::string> places_down_to(const CachePlace& place);

} // namespace dind::outer
