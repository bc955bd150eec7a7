#pragma once

#include <archive/byte_sink.hpp>
#include <archive/tree.hpp>
#include <cache/manifest.hpp>
#include <cache/skeleton_recorder.hpp>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace dind::outer {

// The tree of a cached layer as members of an outer layer's tar: unpacked by any engine, it
// is what `archive::DiskTree` would have made for a cache. Owners, modes and capabilities go from
// header to header and never touch a disk, so that no privilege is needed.
//
// A tar must not have a name twice, or engines refuse the layer. A directory that is only
// implied so far may still get its own entry, so those that never do come at the end.
class OuterTree final : public archive::Tree {
public:
  // `prefix` is the tree's own path in the outer layer. `recorder` gets the attributes. Both it and
  // `tar` must outlive the tree.
  OuterTree(archive::ByteSink& tar, std::string prefix, cache::SkeletonRecorder& recorder)
      : tar_(tar), prefix_(std::move(prefix)), recorder_(recorder) {}

  Result<void> directory(const archive::Spot& spot, const archive::TarEntry& entry,
                         Exists exists) override;
  Result<void> implied_directory(const archive::Spot& spot) override;
  Result<void> file(const archive::Spot& spot, const archive::TarEntry& entry,
                    archive::TarReader& reader) override;
  Result<void> symlink(const archive::Spot& spot, const archive::TarEntry& entry) override;
  Result<void> hard_link(const archive::Spot& spot, const archive::TarEntry& entry,
                         const std::string& target, Target kind) override;
  Result<void> set_time(const std::string& path, timespec time) override;

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
  Result<void> same_again(const archive::Spot& spot, const archive::TarEntry& entry);
  bool is_setgid(std::string_view dir) const;

  archive::ByteSink& tar_;
  std::string prefix_;
  cache::SkeletonRecorder& recorder_;
  std::vector<Inode> inodes_;
  std::unordered_set<std::string> setgid_dirs_;
  // Mode by path, of those that have no entry of their own.
  std::unordered_map<std::string, std::uint32_t> implied_;
};

} // namespace dind::outer
