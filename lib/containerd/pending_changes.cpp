#include <containerd/pending_changes.hpp>

#include <store/tree.hpp>
#include <sys/file.hpp>
#include <containerd/layout.hpp>

#include <time.h>

#include <algorithm>
#include <utility>

namespace dind::containerd {
namespace {

timespec now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

} // namespace

Result<std::shared_ptr<PendingChanges>> PendingChanges::open(const Fd& data_root) {
  std::shared_ptr<PendingChanges> changes(
      new PendingChanges(TRY(sys::open_beneath(data_root, ".", O_RDONLY | O_DIRECTORY))));
  changes->state_ = TRY(read_state(data_root));
  return changes;
}

std::optional<PendingChanges::Place> PendingChanges::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [chain_id, layer] : layers_) {
    for (const NewSnapshot& snapshot : layer.snapshots) {
      if (snapshot.key == key) {
        return Place{snapshot.id, snapshot.parent};
      }
    }
  }
  const auto known = state_.snapshots.find(key);
  return known == state_.snapshots.end()
             ? std::nullopt
             : std::optional(Place{known->second.id, known->second.parent});
}

std::uint64_t PendingChanges::claim_id(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto known = state_.snapshots.find(key); known != state_.snapshots.end()) {
    return known->second.id;
  }
  const auto [claimed, is_new] = claimed_.try_emplace(key);
  if (is_new) {
    claimed->second = state_.claim_id(key);
  }
  return claimed->second;
}

void PendingChanges::propose(const Digest& chain_id, std::vector<NewSnapshot> snapshots) {
  const std::lock_guard lock(mutex_);
  if (layers_.insert_or_assign(chain_id, Layer{std::move(snapshots)}).second) {
    order_.push_back(chain_id);
  }
}

Result<void> PendingChanges::confirm(const Digest& chain_id, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto layer = layers_.find(chain_id);
  if (layer == layers_.end()) {
    return state_.snapshots.contains(chain_id.text())
               ? Result<void>() // the user's
               : Error("name a layer that was not made", ENOENT);
  }
  layer->second.snapshots.back().size = size;
  layer->second.confirmed = true;
  return {};
}

void PendingChanges::withdraw(const Digest& chain_id) {
  const std::lock_guard lock(mutex_);
  layers_.erase(chain_id);
  order_.erase(std::remove(order_.begin(), order_.end(), chain_id), order_.end());
}

void PendingChanges::add_blob(const Digest& digest, Blob blob) {
  const std::lock_guard lock(mutex_);
  blobs_.insert_or_assign(digest, std::move(blob));
}

Changes PendingChanges::confirmed() const {
  Changes changes;
  for (const Digest& chain_id : order_) {
    const Layer& layer = layers_.at(chain_id);
    for (const NewSnapshot& snapshot : layer.snapshots) {
      if (layer.confirmed && !state_.snapshots.contains(snapshot.key)) {
        changes.snapshots.push_back(snapshot);
      }
    }
  }
  changes.blobs = blobs_;
  return changes;
}

Result<void> PendingChanges::flush() {
  const std::lock_guard lock(mutex_);
  TRY(apply(confirmed()));
  layers_.clear();
  order_.clear();
  blobs_.clear();
  return {};
}

Result<void> PendingChanges::name_images(std::map<std::string, Image> images) {
  const std::lock_guard lock(mutex_);
  return apply({.images = std::move(images)});
}

Result<void> PendingChanges::remove_images(std::vector<std::string> names, std::set<Digest> blobs) {
  const std::lock_guard lock(mutex_);
  return apply({.removed_images = std::move(names), .removed_blobs = std::move(blobs)});
}

Result<void> PendingChanges::apply(const Changes& changes) {
  std::ignore = TRY(commit(root_, changes, now()));
  for (const NewSnapshot& added : changes.snapshots) {
    state_.snapshots.emplace(
        added.key,
        Snapshot{.backend_key = backend_key_of(added.key), .parent = added.parent, .id = added.id});
  }
  for (const auto& [digest, blob] : changes.blobs) {
    state_.blobs.emplace(digest, blob);
  }
  for (const auto& [name, image] : changes.images) {
    state_.images.insert_or_assign(name, image);
  }
  for (const std::string& name : changes.removed_images) {
    state_.images.erase(name);
  }
  for (const Digest& digest : changes.removed_blobs) {
    state_.blobs.erase(digest);
  }
  return {};
}

} // namespace dind::containerd
