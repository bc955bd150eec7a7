#pragma once

#include <archive/marks.hpp>
#include <archive/tar_reader.hpp>
#include <archive/tree.hpp>
#include <base/result.hpp>

#include <time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dind::archive {

// What the members of one layer's tar amount to, with the results and in the order of
// moby's archive.Unpack as the overlay2 driver calls it (pkg/archive/archive.go and
// archive_linux.go, 20.10 to 28): the root's own entry is ignored; missing parents are made
// 0755 root; an entry for a directory that is there already gives it its metadata; directory
// times last.
//
// Names start at the layer's root, "/x" and "./x" alike, and symlinks of the layer among their
// parents are followed within it. A directory may have several entries, spelled differently, of
// which the last one counts.
//
// Stricter than moby where its result could not be saved, verified or trusted. Errors
// are: ".." that leads out, a hard link to nowhere, a name of anything else that occurs twice, a
// whiteout of a name that the layer has just made, an entry that would remove a
// directory with content, a directory whose name begins with ".wh.".
class LayerRules {
public:
  // Both must outlive the rules.
  LayerRules(Tree& tree, Marks& marks);
  ~LayerRules();
  LayerRules(const LayerRules&) = delete;
  LayerRules& operator=(const LayerRules&) = delete;

  // `reader` stands at `entry` and gives its payload. The result is the path that it got: "" is the
  // root, and what a global header has.
  Result<std::string> add(const TarEntry& entry, TarReader& reader);
  // Implied directories, then the times of all: a directory without an entry has that of
  // the member that implied it, the root that of the first member (or 0 if there is none).
  // Call it once, after the last member.
  Result<void> finish();

  // The inode of a path that the layer has made.
  std::optional<std::uint32_t> inode_of(std::string_view path) const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

// Called for each entry once tree and marks have it at `path`.
using EachEntry = std::function<Result<void>(const TarEntry& entry, const std::string& path)>;

// Reads all members of a layer, and finishes the rules. Errors name the member.
Result<void> read_layer(TarReader& reader, LayerRules& rules, const EachEntry& each = {});

// The time that an engine gives a member: that of its header, but the epoch
// where it is before 1970 or after 2262 (moby's Chtimes).
timespec layer_time(const TarEntry& entry);
timespec layer_time(std::int64_t seconds, std::uint32_t nanoseconds);

} // namespace dind::archive
