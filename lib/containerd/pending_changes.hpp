#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <containerd/commit.hpp>
#include <containerd/state.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dind::containerd {

// What the store holds, and what seeding adds to it: made on disk, and not named by the databases
// until `flush`. The driver and the records share one; for several threads.
class PendingChanges {
public:
  // With the directories that are missing, in containerd's modes.
  static Result<std::shared_ptr<PendingChanges>> open(const Fd& data_root);

  // A snapshot of the store, or one that was proposed.
  struct Place {
    std::uint64_t id = 0;
    std::optional<std::string> parent; // its key
  };
  std::optional<Place> find(const std::string& key) const;
  // The directory that a snapshot has, or will have. The same whenever it is asked for.
  std::uint64_t claim_id(const std::string& key);

  // The directories of a layer's snapshots are there, parents first; the last one has the chain ID
  // as its key. Those that the store has already are made anew, and keep their records.
  void propose(const Digest& chain_id, std::vector<NewSnapshot> snapshots);
  // All of a layer is there: the next `flush` names it. `size` as `docker history` shows it.
  Result<void> confirm(const Digest& chain_id, std::uint64_t size);
  void withdraw(const Digest& chain_id);

  void add_blob(const Digest& digest, Blob blob);
  // Names what was confirmed.
  Result<void> flush();

  Result<void> name_images(std::map<std::string, Image> images);
  // With records of blobs: containerd removes their files.
  Result<void> remove_images(std::vector<std::string> names, std::set<Digest> blobs);

  // Of before this seeding, and what it flushed.
  const State& state() const { return state_; }
  const Fd& data_root() const { return root_; }

private:
  struct Layer {
    std::vector<NewSnapshot> snapshots;
    bool confirmed = false;
  };

  explicit PendingChanges(Fd root) : root_(std::move(root)) {}
  Changes confirmed() const;
  Result<void> apply(const Changes& changes);

  Fd root_;
  mutable std::mutex mutex_; // of all below
  State state_;
  std::map<std::string, std::uint64_t> claimed_; // ids, by key
  std::map<Digest, Layer> layers_;
  std::vector<Digest> order_; // of the proposals: parents first
  std::map<Digest, Blob> blobs_;
};

} // namespace dind::containerd
