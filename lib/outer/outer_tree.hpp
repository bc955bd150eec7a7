#pragma once

#include <archive/byte_sink.hpp>
#include <archive/layer_rules.hpp>
#include <bake/skeleton_notes.hpp>
#include <cache/manifest.hpp>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace dind::outer {

// The tree of a cached layer as members of an outer layer's tar: unpacked by any engine, it
// is what `Unpacker` would have made for a cache. Owners, modes and capabilities go from
// header to header and never touch a disk, so that no privilege is needed.
//
// A tar must not have a name twice, or engines refuse the layer. A directory that is only
// implied so far may still get its own entry, so those that never do come at the end.
class OuterTree final : public archive::TreeMaker {
public:
  // `prefix` is the tree's own path in the outer layer. Both must outlive the tree.
  OuterTree(archive::ByteSink& tar, std::string prefix) : tar_(tar), prefix_(std::move(prefix)) {}

  Result<void> directory(const archive::Spot& spot, const archive::TarEntry& entry,
                         Exists exists) override;
  Result<void> implied_directory(const archive::Spot& spot) override;
  Result<void> file(const archive::Spot& spot, const archive::TarEntry& entry,
                    archive::TarReader& reader) override;
  Result<void> symlink(const archive::Spot& spot, const archive::TarEntry& entry) override;
  Result<void> hard_link(const archive::Spot& spot, const archive::TarEntry& entry,
                         const std::string& target, Target kind) override;
  Result<void> whiteout(const archive::Spot& spot, const archive::TarEntry& entry) override;
  Result<void> override_whiteout(const archive::Spot& spot) override;
  Result<void> opaque(const std::string& path) override;
  Result<void> node(const archive::Spot& spot, const archive::TarEntry& entry) override;
  Result<void> link_node(const archive::Spot& spot, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;
  Result<void> set_time(const std::string& path, timespec time) override;

  bake::SkeletonNotes& notes() { return notes_; }
  // How a path will look once the layer is unpacked.
  cache::Sentinel sentinel(const std::string& path, std::uint32_t inode) const;

private:
  // What the last link's entry left an inode with.
  struct Inode {
    std::uint32_t mode = 0; // with the type's bits
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t links = 1;
    std::uint64_t size = 0;
    timespec time{0, 0};
    bool capability = false;
  };

  // The outer member for an entry of the layer, and what its inode is now.
  archive::TarEntry translate(const archive::Spot& spot, const archive::TarEntry& entry);
  Inode& inode_of(const archive::Spot& spot);
  Result<void> emit(const archive::TarEntry& member);
  bool is_setgid(std::string_view dir) const;

  archive::ByteSink& tar_;
  std::string prefix_;
  bake::SkeletonNotes notes_;
  std::vector<Inode> inodes_;
  std::unordered_set<std::string> setgid_dirs_;
  std::unordered_map<std::string, std::uint32_t> implied_; // path to mode, and those that stay so:
  std::unordered_set<std::string> lasting_;
};

} // namespace dind::outer
