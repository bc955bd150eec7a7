#pragma once

#include <archive/layer_rules.hpp>
#include <archive/member_path.hpp>
#include <archive/tar_reader.hpp>
#include <sys/file.hpp>

#include <memory>
#include <string>

namespace dind::archive {

// What a layer's tar says that is no plain file, directory or link. How it is
// written down depends on who unpacks: the graph driver's marks for a layer of
// the engine, a list for a layer of a cache. Paths are relative to the layer's
// root, clean, and raw bytes; `at` names the same beneath a descriptor.
class Marks {
public:
  virtual ~Marks() = default;
  // `path` is deleted in the layers below (".wh.<name>").
  virtual Result<void> whiteout(sys::At at, const std::string& path, const TarEntry& entry) = 0;
  // A later entry of the same layer has that name after all. Nothing is left of the whiteout.
  virtual Result<void> override_whiteout(sys::At at, const std::string& path) = 0;
  // Nothing of the layers below shows through the directory `dir` (".wh..wh..opq").
  virtual Result<void> opaque(const Fd& dir, const std::string& path) = 0;
  // A device or fifo, of which nothing is made in the tree otherwise.
  virtual Result<void> node(sys::At at, const std::string& path, const TarEntry& entry) = 0;
  // A hard link to a node that `node` took; `entry` has the metadata that both have from now on.
  virtual Result<void> link_node(sys::At at, const std::string& path, const std::string& target,
                                 const TarEntry& entry) = 0;
  // A directory that the layer has no entry for, neither before nor after its content. It
  // has been made, 0755 root, setgid if its parent is. Called by `finish`, in the order of the tar.
  virtual Result<void> implied(const std::string& path) = 0;
  // Sets one extended attribute. Files, directories and symlinks.
  virtual Result<void> xattr(sys::At at, const std::string& path, const Xattr& xattr) = 0;
};

// Applies the members of one layer's tar to an empty directory by the rules of LayerRules:
// owner, attributes, mode, times in this order, for hard links too, so that the last
// link's count.
//
// Everything is reached beneath the given descriptor, component by component and
// with no symlink followed.
class Unpacker {
public:
  // `root` must be an empty directory; both must outlive the unpacker.
  Unpacker(const Fd& root, Marks& marks);
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  // `reader` stands at `entry` and gives its payload.
  Result<void> add(const TarEntry& entry, TarReader& reader);
  // Call it once, after the last member.
  Result<void> finish();

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::archive
