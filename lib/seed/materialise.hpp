#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <seed/layer_maker.hpp>
#include <seed/receipt.hpp>
#include <store/state.hpp>

#include <set>
#include <string>
#include <vector>

namespace dind::seed {

// What giving borrowed layers files of their own came to.
struct MaterialiseReport {
  std::vector<Digest> done;        // chain IDs
  std::vector<std::string> failed; // one line a layer
};

struct Materialise {
  const std::string& driver; // overlay2, fuse-overlayfs, or overlayfs
  const store::DriverState& state;
  const std::set<Digest>& layers; // chain IDs; those that are not borrowed are passed over
  unsigned jobs = 1;
  Interrupted interrupted;
};

// Copies borrowed layers into the volume, so that they outlive the cache. The copy takes the
// place of the link in one step, so dockerd may run: what is mounted goes on showing the cache's
// files, which are the same. The skeleton stays where it is. In the containerd store the layer's
// blob becomes a file before that. All of it is flushed. Waits for another process that does the
// same here. ECANCELED if it was interrupted, with what was done until then done.
Result<MaterialiseReport> materialise(const Materialise& what, const Fd& data_root,
                                      clone::CloneProgress& progress);

// What a data root holds, on which dockerd may run.
Result<store::StoreState> read_living_state(const std::string& data_root);

// Everything that the layers of users' images and of containers stand on, by chain ID.
// An image is a user's if seeding did not make it, or it has a name that seeding did not give.
std::set<Digest> layers_of_users(const store::DriverState& state, const Receipt& receipt);

} // namespace dind::seed
