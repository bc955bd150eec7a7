#pragma once

#include <archive/tar_reader.hpp>
#include <base/result.hpp>

#include <time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dind::archive {

// Where a member goes: its clean path from the layer's root, raw bytes, and the number
// of its inode, which hard links share. Numbers count from 0.
struct Spot {
  const std::string& path;
  std::uint32_t inode = 0;
};

// Makes a layer's tree of what LayerRules tells, in that order. Takes no decisions: the
// place is free, the parent is there.
class TreeMaker {
public:
  virtual ~TreeMaker() = default;

  // A directory that is there already, because something in it came first, only gets the
  // metadata. Its times come last of all.
  enum class Exists { no, yes };
  virtual Result<void> directory(const Spot& spot, const TarEntry& entry, Exists exists) = 0;
  // A parent that has had no entry so far: 0755 root, setgid if its parent is.
  virtual Result<void> implied_directory(const Spot& spot) = 0;
  virtual Result<void> file(const Spot& spot, const TarEntry& entry, TarReader& reader) = 0;
  virtual Result<void> symlink(const Spot& spot, const TarEntry& entry) = 0;
  // To a file or symlink of this layer.
  enum class Target { file, symlink };
  virtual Result<void> hard_link(const Spot& spot, const TarEntry& entry, const std::string& target,
                                 Target kind) = 0;

  // `spot` is deleted in the layers below; and a later entry has that name after all.
  virtual Result<void> whiteout(const Spot& spot, const TarEntry& entry) = 0;
  virtual Result<void> override_whiteout(const Spot& spot) = 0;
  // Nothing of the layers below shows through the directory.
  virtual Result<void> opaque(const std::string& path) = 0;
  // A device or fifo, and a hard link to one.
  virtual Result<void> node(const Spot& spot, const TarEntry& entry) = 0;
  virtual Result<void> link_node(const Spot& spot, const std::string& target,
                                 const TarEntry& entry) = 0;

  // At the end, in the order of the tar: each directory that never got an entry, ...
  virtual Result<void> implied(const std::string& path) = 0;
  // ... then the time of each directory (the last one counts), and of the root, "".
  virtual Result<void> set_time(const std::string& path, timespec time) = 0;
};

// What the members of one layer's tar amount to, with the results and in the order of
// moby's archive.Unpack as the overlay2 driver calls it (pkg/archive/archive.go and
// archive_linux.go, 20.10 to 28): the root's own entry is ignored; missing parents are made
// 0755 root; an entry for a directory that is there already gives it its metadata; directory
// times last.
//
// Stricter than moby where its result could not be saved, verified or trusted. Errors
// are: a parent that is a symlink, "..", an absolute name (a hard link's target may be
// absolute: it starts at the root), a hard link to nowhere, a name that occurs twice, a
// whiteout of a name that the layer has just made, an entry that would remove a
// directory with content, a directory whose name begins with ".wh.".
class LayerRules {
public:
  // `maker` must outlive the rules.
  explicit LayerRules(TreeMaker& maker);
  ~LayerRules();
  LayerRules(const LayerRules&) = delete;
  LayerRules& operator=(const LayerRules&) = delete;

  // `reader` stands at `entry` and gives its payload.
  Result<void> add(const TarEntry& entry, TarReader& reader);
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

// The time that an engine gives a member: that of its header, but the epoch
// where it is before 1970 or after 2262 (moby's Chtimes).
timespec layer_time(const TarEntry& entry);

} // namespace dind::archive
