#pragma once

#include <archive/tar_reader.hpp>
#include <base/result.hpp>

#include <time.h>

#include <cstdint>
#include <string>

namespace dind::archive {

// Where a member goes: its clean path from the layer's root, raw bytes, and the number
// of its inode, which hard links share. Numbers count from 0.
struct Spot {
  const std::string& path;
  std::uint32_t inode = 0;
};

// What a tree holds of a layer, made of what LayerRules tells, in that order. Takes no
// decisions: the place is free, the parent is there.
class Tree {
public:
  virtual ~Tree() = default;

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
  // At the end, in the order of the tar: the time of each directory (the last one counts), and of
  // the root, "".
  virtual Result<void> set_time(const std::string& path, timespec time) = 0;
};

} // namespace dind::archive
