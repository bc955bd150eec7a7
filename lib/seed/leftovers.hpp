#pragma once

#include <seed/receipt.hpp>
#include <seed/seed_plan.hpp>
#include <store/driver_state.hpp>

#include <set>
#include <string>
#include <vector>

namespace dind::seed {

// Layers that seeding made and that cannot be used as they are: they have a flaw, or the cache that
// they were borrowed from has gone. By chain ID.
std::set<Digest> stale_layers(const store::DriverState& state);
// Those that no cache brings back by being mounted: they have a flaw, or no files any more.
std::set<Digest> lost_layers(const store::DriverState& state);

// Why what stands on a stale layer does not work: "layer 0123456789ab was borrowed from ...".
std::string why_stale(const store::PresentLayer& layer);

// What to do about stale layers.
struct Leftovers {
  Removals removals;
  std::vector<Digest> needed; // chain IDs of stale layers that users stand on, parents first
  std::vector<std::string> warnings;
};

// `made` are the chain IDs that the plan makes anyway. A stale layer that a user's
// image or a container stands on stays, without the files of which some are wrong; others go,
// with the cached images on them.
Leftovers judge_leftovers(const store::DriverState& state, const Receipt& receipt,
                          const std::set<Digest>& stale, const std::set<Digest>& made);

} // namespace dind::seed
