#pragma once

#include <archive/tar_entry.hpp>
#include <base/result.hpp>

#include <string>

namespace dind::archive {

// What a layer says that is no plain file, directory or link. How it is written down
// depends on who reads the layer: a graph driver's marks for a layer of the engine, a
// list for a layer of a cache. Paths are relative to the layer's root, clean, and raw
// bytes; their parents are there.
class Marks {
public:
  virtual ~Marks() = default;
  // `path` is deleted in the layers below (".wh.<name>").
  virtual Result<void> whiteout(const std::string& path) = 0;
  // A later entry of the same layer has that name after all. Nothing is left of the whiteout.
  virtual Result<void> override_whiteout(const std::string& path) = 0;
  // Nothing of the layers below shows through the directory `path` (".wh..wh..opq").
  virtual Result<void> opaque(const std::string& path) = 0;
  // A device or fifo, of which nothing is made in the tree.
  virtual Result<void> node(const std::string& path, const TarEntry& entry) = 0;
  // A hard link to a node that `node` took; `entry` has the metadata that both have from now on.
  virtual Result<void> link_node(const std::string& path, const std::string& target,
                                 const TarEntry& entry) = 0;
  // A directory of the tree that the layer has no entry for, neither before nor after its
  // content. At the end, in the order of the tar, before the times.
  virtual Result<void> implied(const std::string& path) = 0;
};

} // namespace dind::archive
