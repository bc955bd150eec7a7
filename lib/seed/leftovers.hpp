#pragma once

#include <seed/plan.hpp>

#include <set>
#include <string>
#include <vector>

namespace dind::seed {

// What to do about borrowed layers whose cache has gone.
struct Leftovers {
  Removals removals;
  std::vector<Digest> needed; // chain IDs of stale layers that users stand on, parents first
  std::vector<std::string> warnings;
};

// `made` are the chain IDs that the plan makes anyway. A stale layer that a user's
// image or a container stands on stays; others go, with the cached images on them.
Leftovers judge_leftovers(const store::DriverState& state, const Receipt& receipt,
                          const std::set<Digest>& made);

} // namespace dind::seed
