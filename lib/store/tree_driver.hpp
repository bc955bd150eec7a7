#pragma once

#include <store/storage_driver.hpp>
#include <sys/file.hpp>

#include <functional>
#include <memory>
#include <string>

namespace dind::store {

// What a layer's tree is, where every layer has one of its own.
enum class TreeKind { directory, subvolume };

// Makes layers for the drivers that know no deletions: each layer holds all that it shows.
//
//   vfs/dir/<cache-id>            a directory; what its parent shows is shared
//   btrfs/subvolumes/<cache-id>   a subvolume, made as a snapshot of its parent's
//
// (moby daemon/graphdriver/vfs/driver.go and btrfs/btrfs.go, the same from 20.10 to 29; what
// they apply to it: `apply_layer`.)
class TreeDriver final : public StorageDriver {
public:
  // Makes the driver's directories if they are missing.
  static Result<std::unique_ptr<StorageDriver>> open(const Fd& data_root, std::string name,
                                                     TreeKind kind);

  std::string_view name() const override { return name_; }
  Result<void> add_borrowed(const Digest& chain_id, const OptionalParent& parent,
                            const std::string& tree, const cache::Skeleton& skeleton) override;
  Result<void> add_cloned(const Digest& chain_id, const OptionalParent& parent, const Fd& tree,
                          const cache::Skeleton& skeleton, const Cloning& cloning) override;
  Result<void> add_unpacked(const Digest& chain_id, const OptionalParent& parent,
                            archive::ByteSource& tar, const std::function<Result<void>()>& check,
                            const Cloning& cloning) override;
  Result<void> remove(const std::string& cache_id) override;

private:
  TreeDriver(std::string name, TreeKind kind) : name_(std::move(name)), kind_(kind) {}

  // Turns the parent's tree, or an empty one, into the layer's.
  using Fill = std::function<Result<void>(const Fd& tree)>;

  Result<void> add(const Digest& chain_id, const OptionalParent& parent, const Cloning& cloning,
                   const Fill& fill);
  Result<Fd> stage(const std::string& cache_id, const OptionalParent& parent,
                   const Cloning& cloning);
  Result<void> apply_tar(const Fd& tree, const Fd& scratch, archive::ByteSource& tar,
                         const std::function<Result<void>()>& check, const Cloning& cloning);
  Result<void> discard(sys::At tree) const;

  std::string name_;
  TreeKind kind_;
  Fd staging_;
  Fd layers_;
};

} // namespace dind::store
