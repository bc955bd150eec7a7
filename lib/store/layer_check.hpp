#pragma once

#include <base/fd.hpp>
#include <base/reason.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>
#include <store/state.hpp>
#include <store/users.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace dind::store {

// What a cache says of a layer.
struct LayerTruth {
  cache::Skeleton skeleton = {};
  std::optional<Fd> tar_split = {}; // none: the data root's own is believed
};

// What may have happened to a layer: a power cut takes what was not flushed, and a job writes.
enum class Doubt { power_cut, job };

// Where layers are checked, and why.
struct LayerPlace {
  const Fd& data_root;
  const std::string& driver;
  const DriverState& state;
  Users users = {};
  Doubt doubt = Doubt::power_cut;
  // When there has been time enough for all of them.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

// What a power cut can have taken from a layer that seeding made without a flush: data of files,
// marks, links, and names. A layer of its own is compared with its tar-split. Files are not read,
// but where their filesystem does not say that all of it was written. Returns what is wrong first,
// if anything is. An error means that the question could not be answered: too few descriptors or
// rights, a disk that does not read, the deadline.
Result<std::optional<Reason>> find_flaw(const LayerPlace& place, const Digest& chain_id,
                                        const LayerTruth& truth);

// Where the files of a layer are that is not borrowed; where the driver keeps full trees, with
// those of the layers below.
Result<Fd> open_files(const Fd& data_root, const std::string& driver, const PresentLayer& layer);

} // namespace dind::store
