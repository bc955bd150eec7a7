#include <seed/leftovers.hpp>

#include <seed/ownership.hpp>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace dind::seed {
namespace {

using Layers = std::map<Digest, store::PresentLayer>;

// Parents first.
std::vector<Digest> by_depth(const Layers& layers) {
  std::vector<std::pair<std::size_t, Digest>> ranked;
  for (const auto& [chain_id, depth] : store::depths_of(layers)) {
    ranked.emplace_back(depth, chain_id);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<Digest> sorted;
  for (auto& [depth, chain_id] : ranked) {
    sorted.push_back(std::move(chain_id));
  }
  return sorted;
}

// Those of `sorted` that are `wanted`.
std::vector<Digest> among(const std::vector<Digest>& sorted, const std::set<Digest>& wanted) {
  std::vector<Digest> found;
  std::copy_if(sorted.begin(), sorted.end(), std::back_inserter(found),
               [&](const Digest& chain_id) { return wanted.contains(chain_id); });
  return found;
}

// Whose images go and whose stay, and which layers with them.
class Judge {
public:
  Judge(const store::DriverState& state, const Receipt& receipt, const std::set<Digest>& made)
      : state_(state), receipt_(receipt), made_(made) {}

  Leftovers judge(const std::set<Digest>& stale) {
    std::set_difference(stale.begin(), stale.end(), made_.begin(), made_.end(),
                        std::inserter(stale_, stale_.end()));
    if (stale_.empty()) {
      return {};
    }
    for (const Digest& chain_id : state_.container_layers) {
      add_chain(state_.layers, chain_id, needed_);
    }
    judge_images();
    judge_layers();
    return std::move(leftovers_);
  }

private:
  void judge_images() {
    const auto names = names_by_image(state_);
    for (const auto& [id, diff_ids] : state_.images) {
      const auto found = names.find(id);
      const std::vector<std::string> own =
          found == names.end() ? std::vector<std::string>() : found->second;
      std::set<Digest> chain;
      add_chain(state_.layers, top_of(diff_ids), chain);
      const auto broken = std::find_if(chain.begin(), chain.end(), [this](const Digest& layer) {
        return stale_.contains(layer);
      });
      const std::string label = own.empty() ? id.text() : own.front();
      if (!is_the_caches(id, own, receipt_)) {
        needed_.insert(chain.begin(), chain.end());
        if (broken != chain.end()) {
          told_.insert(*broken);
          leftovers_.warnings.push_back(
              fmt::format("image {} does not work, for {}; it will when that is seeded again",
                          label, why_stale(state_.layers.at(*broken))));
        }
      } else if (broken != chain.end()) {
        leftovers_.removals.images.push_back(id);
        leftovers_.warnings.push_back(
            fmt::format("removing image {}, for {}", label, why_stale(state_.layers.at(*broken))));
      }
    }
  }

  void judge_layers() {
    std::set<Digest> gone;
    std::set<Digest> wanted;
    std::set<Digest> flawed;
    for (const Digest& chain_id : stale_) {
      const bool is_needed = needed_.contains(chain_id);
      (is_needed ? wanted : gone).insert(chain_id);
      if (!state_.layers.at(chain_id).flaw) {
        continue;
      }
      flawed.insert(chain_id);
      if (is_needed && !told_.contains(chain_id)) {
        leftovers_.warnings.push_back(
            fmt::format("{}: what was started on it fails until that is seeded again",
                        why_stale(state_.layers.at(chain_id))));
      }
    }
    const std::vector<Digest> sorted = by_depth(state_.layers);
    add_orphans(sorted, gone);
    leftovers_.removals.layers = among(sorted, gone);
    std::reverse(leftovers_.removals.layers.begin(), leftovers_.removals.layers.end());
    leftovers_.removals.files = among(sorted, flawed);
    leftovers_.needed = among(sorted, wanted);
  }

  // Layers on top of what goes have nothing to stand on.
  void add_orphans(const std::vector<Digest>& parents_first, std::set<Digest>& gone) const {
    std::set<Digest> lost = gone; // with those that stay all the same
    for (const Digest& chain_id : parents_first) {
      const auto& parent = state_.layers.at(chain_id).parent;
      if (!parent || !lost.contains(*parent)) {
        continue;
      }
      lost.insert(chain_id);
      if (!needed_.contains(chain_id) && !made_.contains(chain_id)) {
        gone.insert(chain_id);
      }
    }
  }

  const store::DriverState& state_;
  const Receipt& receipt_;
  const std::set<Digest>& made_;
  std::set<Digest> stale_;
  std::set<Digest> told_;   // chain IDs of stale layers that a warning names
  std::set<Digest> needed_; // chain IDs that users' images and containers stand on
  Leftovers leftovers_;
};

template <typename Predicate>
std::set<Digest> layers_that(const Layers& layers, Predicate holds) {
  std::set<Digest> chain_ids;
  for (const auto& [chain_id, layer] : layers) {
    if (holds(layer)) {
      chain_ids.insert(chain_id);
    }
  }
  return chain_ids;
}

} // namespace

std::set<Digest> stale_layers(const store::DriverState& state) {
  return layers_that(state.layers, [](const store::PresentLayer& layer) {
    return !layer.reachable && (layer.ours || !layer.borrowed_from.empty());
  });
}

std::set<Digest> lost_layers(const store::DriverState& state) {
  return layers_that(state.layers, [](const store::PresentLayer& layer) {
    return layer.flaw.has_value() ||
           (!layer.reachable && layer.ours && layer.borrowed_from.empty());
  });
}

std::string why_stale(const store::PresentLayer& layer) {
  const std::string name = layer.diff_id.short_hex();
  if (layer.flaw) {
    return fmt::format("layer {} is not what was seeded: {}", name, layer.flaw->why);
  }
  return layer.borrowed_from.empty()
             ? fmt::format("layer {} has lost its files", name)
             : fmt::format("layer {} was borrowed from a cache that has gone", name);
}

Leftovers judge_leftovers(const store::DriverState& state, const Receipt& receipt,
                          const std::set<Digest>& stale, const std::set<Digest>& made) {
  return Judge(state, receipt, made).judge(stale);
}

} // namespace dind::seed
