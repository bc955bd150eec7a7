#pragma once

#include <base/fd.hpp>
#include <store/storage_driver.hpp>
#include <sys/file.hpp>
#include <containerd/implied_dirs.hpp>
#include <containerd/pending_changes.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dind::containerd {

// Makes layers as committed snapshots of containerd's overlayfs snapshotter:
//
//   snapshots/<id>/fs    a directory with files and marks, or a symlink to a cache's tree
//
// A borrowed layer is up to three of them, each in the place of a layer for overlayfs:
//
//   <chain ID>           directories that the layer's tar only implies, and that would look
//                        otherwise in the tree; only where there are some
//   <chain ID>-tree      fs -> the cache's tree; it has the chain ID as its key where it is the top
//   <chain ID>-marks     deletions, opaque directories and nodes; only where the layer has some
//
// Nothing in dockerd or containerd counts snapshots: they are found by key, and followed by parent.
// The marks lie below the tree, or an opaque directory would hide the layer's own files.
//
// A layer that the store has already, and that cannot be used, is made anew in its directories.
// What is made is named when its records are (PendingChanges::flush); until then containerd takes
// the directories for rubbish.
class SnapshotDriver final : public store::StorageDriver {
public:
  // Empties the staging directory.
  static Result<std::unique_ptr<store::StorageDriver>>
  open(const Fd& data_root, std::shared_ptr<PendingChanges> changes);

  std::string_view name() const override;
  Result<void> add_borrowed(const Digest& chain_id, const OptionalParent& parent,
                            const std::string& tree, const cache::Skeleton& skeleton) override;
  Result<void> add_cloned(const Digest& chain_id, const OptionalParent& parent, const Fd& tree,
                          const cache::Skeleton& skeleton, const store::Cloning& cloning) override;
  Result<void> add_unpacked(const Digest& chain_id, const OptionalParent& parent,
                            archive::ByteSource& tar, const std::function<Result<void>()>& check,
                            const store::Cloning& cloning) override;
  // The files go. The records stay: containerd collects them when no image needs them any more, and
  // what a user has on them fails aloud until then.
  Result<void> remove(const std::string& cache_id) override;

private:
  explicit SnapshotDriver(std::shared_ptr<PendingChanges> changes) : changes_(std::move(changes)) {}

  using Fill = std::function<Result<void>(const Fd& staged)>;
  using Implied = std::vector<std::pair<std::string, DirMetadata>>;

  // The snapshots of one layer, each on the one before.
  class Stack {
  public:
    Stack(SnapshotDriver& driver, std::optional<std::string> parent)
        : driver_(driver), parent_(std::move(parent)) {}
    Result<void> add(const std::string& key, const Fill& fill);
    std::vector<NewSnapshot> take() { return std::move(made_); }

  private:
    SnapshotDriver& driver_;
    std::optional<std::string> parent_;
    std::vector<NewSnapshot> made_;
  };

  // Makes the directory of the snapshot `key`, and returns what names it.
  Result<NewSnapshot> add_snapshot(const std::string& key, std::optional<std::string> parent,
                                   const Fill& fill);
  // Of one that has files of its own: `fill` returns the directories that its tar implies.
  using FillFiles =
      std::function<Result<std::vector<std::string>>(const Fd& files, sys::At anchor)>;
  Result<void> add_files(const Digest& chain_id, const OptionalParent& parent,
                         const FillFiles& fill);
  bool is_users(const Digest& chain_id) const;
  void propose(const Digest& chain_id, std::vector<NewSnapshot> snapshots);
  Result<Implied> differing(const Fd& tree, const std::vector<std::string>& implied,
                            const std::set<std::string>& marked,
                            const OptionalParent& parent) const;
  Result<std::vector<Fd>> lowers_of(const OptionalParent& parent) const;

  std::shared_ptr<PendingChanges> changes_;
  Fd staging_;
  Fd snapshots_;
  std::map<std::string, std::string> made_; // the ids of layers, by the names that seeding gives
};

} // namespace dind::containerd
