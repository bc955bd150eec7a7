#include <seed/leftovers.hpp>

#include <seed/ownership.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace dind::seed {
namespace {

using Layers = std::map<Digest, store::PresentLayer>;

std::size_t depth_of(const Layers& layers, Digest chain_id) {
  std::set<Digest> below;
  add_chain(layers, chain_id, below);
  return below.size();
}

std::vector<Digest> sorted_by_depth(const Layers& layers, const std::set<Digest>& chain_ids) {
  std::vector<std::pair<std::size_t, Digest>> ranked;
  for (const Digest& chain_id : chain_ids) {
    ranked.emplace_back(depth_of(layers, chain_id), chain_id);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<Digest> sorted;
  for (auto& [depth, chain_id] : ranked) {
    sorted.push_back(chain_id);
  }
  return sorted;
}

} // namespace

Leftovers judge_leftovers(const store::DriverState& state, const Receipt& receipt,
                          const std::set<Digest>& made) {
  Leftovers leftovers;
  std::set<Digest> stale;
  for (const auto& [chain_id, layer] : state.layers) {
    if (!layer.reachable && !layer.borrowed_from.empty() && !made.contains(chain_id)) {
      stale.insert(chain_id);
    }
  }
  if (stale.empty()) {
    return leftovers;
  }
  const auto names = names_by_image(state);
  std::set<Digest> needed;
  for (const Digest& chain_id : state.container_layers) {
    add_chain(state.layers, chain_id, needed);
  }
  std::set<Digest> kept; // chain IDs that some remaining image stands on
  std::vector<std::string> losers;
  for (const auto& [id, diff_ids] : state.images) {
    const auto found = names.find(id);
    const std::vector<std::string> own =
        found == names.end() ? std::vector<std::string>() : found->second;
    std::set<Digest> chain;
    add_chain(state.layers, top_of(diff_ids), chain);
    const bool broken = std::any_of(chain.begin(), chain.end(),
                                    [&](const Digest& layer) { return stale.contains(layer); });
    if (!is_the_caches(id, own, receipt)) {
      needed.insert(chain.begin(), chain.end());
      if (broken) {
        leftovers.warnings.push_back(fmt::format(
            "image {} stands on layers of a cache that has gone: it works again when a cache "
            "with them is mounted, or after a pull",
            own.empty() ? id.text() : own.front()));
      }
    } else if (broken) {
      leftovers.removals.images.push_back(id);
      losers.push_back(own.empty() ? id.text() : own.front());
    } else {
      kept.insert(chain.begin(), chain.end());
    }
  }
  std::set<Digest> gone;
  std::set<Digest> wanted;
  for (const Digest& chain_id : stale) {
    (needed.contains(chain_id) ? wanted : gone).insert(chain_id);
  }
  // Layers on top of what goes have nothing to stand on.
  for (const auto& [chain_id, layer] : state.layers) {
    std::set<Digest> below;
    add_chain(state.layers, chain_id, below);
    const bool orphaned = std::any_of(below.begin(), below.end(),
                                      [&](const Digest& one) { return gone.contains(one); });
    if (orphaned && !needed.contains(chain_id) && !made.contains(chain_id)) {
      gone.insert(chain_id);
    }
  }
  leftovers.removals.layers = sorted_by_depth(state.layers, gone);
  std::reverse(leftovers.removals.layers.begin(), leftovers.removals.layers.end());
  leftovers.needed = sorted_by_depth(state.layers, wanted);
  if (!losers.empty()) {
    leftovers.warnings.push_back(fmt::format(
        "removed: {}; their layers were borrowed from a cache that is no longer there, and "
        "nothing of the user's stands on them",
        fmt::join(losers, ", ")));
  }
  return leftovers;
}

} // namespace dind::seed
