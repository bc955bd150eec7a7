#pragma once

#include <archive/member_maker.hpp>
#include <archive/open_dirs.hpp>
#include <archive/tree.hpp>

namespace dind::archive {

// The tree as files beneath a directory: owner, attributes, mode, times in this order, for hard
// links too, so that the last link's count.
//
// Everything is reached beneath the given descriptor, component by component and
// with no symlink followed.
class DiskTree final : public Tree {
public:
  // `root` must be an empty directory, and outlive the tree.
  DiskTree(const Fd& root, SetXattr set_xattr)
      : root_(root), maker_(std::move(set_xattr)), dirs_(root) {}

  Result<void> directory(const Spot& spot, const TarEntry& entry, Exists exists) override;
  Result<void> implied_directory(const Spot& spot) override;
  Result<void> file(const Spot& spot, const TarEntry& entry, TarReader& reader) override;
  Result<void> symlink(const Spot& spot, const TarEntry& entry) override;
  Result<void> hard_link(const Spot& spot, const TarEntry& entry, const std::string& target,
                         Target kind) override;
  Result<void> set_time(const std::string& path, timespec time) override;

private:
  Result<Place> place_of(const std::string& path);

  const Fd& root_;
  MemberMaker maker_;
  OpenDirs dirs_;
};

} // namespace dind::archive
