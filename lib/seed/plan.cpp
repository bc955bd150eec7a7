#include <seed/plan.hpp>

#include <base/result.hpp>
#include <seed/image_steps.hpp>
#include <seed/leftovers.hpp>
#include <seed/methods.hpp>
#include <seed/ownership.hpp>
#include <seed/plan_without_layers.hpp>
#include <seed/room.hpp>
#include <store/layout.hpp>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace dind::seed {
namespace {

// Lower directories of one image, of which the rest is left for what users build on top. Graph
// drivers take 128; containerd mounts as many as the kernel does, 500.
constexpr std::size_t kMostLowers = 96;
constexpr std::size_t kMostLowersOfContainerd = 300;

std::size_t most_lowers(const std::string& driver) {
  return driver == store::kOverlayfs ? kMostLowersOfContainerd : kMostLowers;
}

// Builds a plan image by image. Chains are a forest: a layer that several images
// share, on the same parents, is decided once.
class Planner {
public:
  explicit Planner(const PlanInput& input)
      : input_(input), methods_(input), room_{input.facts.free.bytes, input.facts.free.inodes} {
    for (const auto& [chain_id, layer] : input.state.layers) {
      if (layer.parent) {
        children_[*layer.parent].push_back(chain_id);
      }
    }
  }

  SeedPlan make() {
    for (std::size_t c = 0; c < input_.caches.size(); ++c) {
      const auto& images = input_.caches[c].manifest->images;
      for (std::size_t i = 0; i < images.size(); ++i) {
        add_image(c, i);
      }
    }
    plan_.kind = SeedPlan::Kind::layers;
    plan_.images = images_.take();
    settle_leftovers();
    return std::move(plan_);
  }

private:
  void add_image(std::size_t cache_index, std::size_t image_index) {
    const CacheView& cache = input_.caches[cache_index];
    const cache::Image& image = cache.manifest->images[image_index];
    if (images_.is_settled(image.id)) {
      return;
    }
    ImageStep step{.cache = cache_index, .image = image_index, .fate = fate_of(image.id)};
    if (!input_.settings.reseed) {
      step.unwanted_names = removed_names(image.id);
    }
    if (step.fate != ImageStep::Fate::unwanted) {
      if (auto added = add_layers(cache_index, image); !added) {
        step.missing = std::move(added).error();
      }
    }
    images_.put(image.id, std::move(step));
  }

  ImageStep::Fate fate_of(const Digest& id) const {
    if (input_.state.images.contains(id)) {
      return ImageStep::Fate::present;
    }
    const bool was_removed = !input_.settings.reseed && input_.receipt.images.contains(id) &&
                             !input_.state.changed_images.contains(id);
    return was_removed ? ImageStep::Fate::unwanted : ImageStep::Fate::seed;
  }

  // All layers of an image, or none.
  Result<void, Reason> add_layers(std::size_t cache_index, const cache::Image& image) {
    auto chain = TRY(decide_chain(cache_index, image));
    shorten(chain);
    TRY(take_room(chain));
    keep(std::move(chain));
    return {};
  }

  // Those that were given before and are no image's today.
  std::set<std::string> removed_names(const Digest& id) const {
    std::set<std::string> removed;
    const auto given = input_.receipt.images.find(id);
    if (given != input_.receipt.images.end()) {
      removed = given->second;
      std::erase_if(
          removed, [&](const std::string& name) { return input_.state.references.contains(name); });
    }
    return removed;
  }

  void keep(std::vector<LayerStep> chain) {
    for (LayerStep& layer : chain) {
      if (decided_.emplace(layer.chain_id, plan_.layers.size()).second) {
        plan_.layers.push_back(std::move(layer));
      } else {
        plan_.layers[decided_.at(layer.chain_id)] = std::move(layer); // shortened for this image
      }
    }
  }

  Result<std::vector<LayerStep>, Reason> decide_chain(std::size_t cache_index,
                                                      const cache::Image& image) const {
    std::vector<LayerStep> chain;
    std::set<Digest> borrowed; // diff IDs: the kernel refuses one directory twice in lowerdir
    std::optional<Digest> parent;
    for (const Digest& diff_id : image.layers) {
      const Digest chain_id = cache::next_chain_id(parent, diff_id);
      LayerStep step{
          .chain_id = chain_id, .diff_id = diff_id, .parent = parent, .cache = cache_index};
      if (const auto known = decided_.find(chain_id); known != decided_.end()) {
        step = plan_.layers[known->second];
      } else if (const auto present = input_.state.layers.find(chain_id);
                 present != input_.state.layers.end() && present->second.reachable) {
        step.method = Method::present;
        step.why = "the data root has it";
      } else {
        step = TRY(methods_.decide(std::move(step), borrowed));
      }
      if (is_borrowed(step)) {
        borrowed.insert(diff_id);
      }
      chain.push_back(std::move(step));
      parent = chain_id;
    }
    return chain;
  }

  bool is_borrowed(const LayerStep& step) const {
    const auto present = input_.state.layers.find(step.chain_id);
    return step.method == Method::link ||
           (step.method == Method::present && present != input_.state.layers.end() &&
            !present->second.borrowed_from.empty());
  }

  // Gives the smallest layers that need a skeleton files of their own, until the chain's
  // lowers leave room for the user's own layers.
  void shorten(std::vector<LayerStep>& chain) const {
    const std::size_t most = most_lowers(input_.driver.driver);
    std::size_t lowers = 0;
    std::vector<LayerStep*> candidates;
    for (LayerStep& step : chain) {
      const auto present = input_.state.layers.find(step.chain_id);
      if (step.method == Method::present && present != input_.state.layers.end()) {
        lowers = present->second.lowers + 1;
        continue;
      }
      ++lowers;
      if (step.method == Method::link && has_marks(step)) {
        ++lowers;
        candidates.push_back(&step);
      }
    }
    std::stable_sort(candidates.begin(), candidates.end(), [&](auto* a, auto* b) {
      return layer_of(input_.caches[a->cache], a->diff_id).bytes <
             layer_of(input_.caches[b->cache], b->diff_id).bytes;
    });
    for (auto step = candidates.begin(); step != candidates.end() && lowers > most; ++step) {
      **step = methods_.own(
          std::move(**step),
          fmt::format("the chain would have {} lower directories, more than {}", lowers, most));
      --lowers;
    }
  }

  bool has_marks(const LayerStep& step) const {
    return layer_of(input_.caches[step.cache], step.diff_id).marks > 0;
  }

  Result<void, Reason> take_room(const std::vector<LayerStep>& chain) {
    Room need;
    for (const LayerStep& step : chain) {
      const auto known = decided_.find(step.chain_id);
      if (known != decided_.end() && plan_.layers[known->second].method == step.method) {
        continue; // paid for by an earlier image
      }
      const Room cost = cost_of(step.method, layer_of(input_.caches[step.cache], step.diff_id),
                                input_.driver.driver);
      need.bytes += cost.bytes;
      need.inodes += cost.inodes;
    }
    if (need.bytes > room_.bytes) {
      return Reason{fmt::format("it needs {} bytes of the data root, and {} are free", need.bytes,
                                room_.bytes)};
    }
    if (need.inodes > room_.inodes) {
      return Reason{fmt::format("it needs {} inodes of the data root, and {} are free", need.inodes,
                                room_.inodes)};
    }
    room_.bytes -= need.bytes;
    room_.inodes -= need.inodes;
    return {};
  }

  // What cannot stay as it is, is made anew where one of today's caches has it, or goes.
  void settle_leftovers() {
    std::set<Digest> made;
    for (const auto& [chain_id, index] : decided_) {
      made.insert(chain_id);
    }
    const std::set<Digest> stale = stale_layers(input_.state);
    const auto needed = judge_leftovers(input_.state, input_.receipt, stale, {}).needed;
    for (const Digest& chain_id : needed) {
      if (const auto known = decided_.find(chain_id); known != decided_.end()) {
        plan_.layers[known->second].needed = true;
      } else if (relink(chain_id)) {
        made.insert(chain_id);
      }
    }
    Leftovers leftovers = judge_leftovers(input_.state, input_.receipt, stale, made);
    plan_.removals = std::move(leftovers.removals);
    plan_.warnings = std::move(leftovers.warnings);
    for (const LayerStep& step : plan_.layers) {
      warn_of_flaw(step);
    }
  }

  bool relink(const Digest& chain_id) {
    const store::PresentLayer& layer = input_.state.layers.at(chain_id);
    for (std::size_t c = 0; c < input_.caches.size(); ++c) {
      if (!input_.caches[c].manifest->find(layer.diff_id)) {
        continue;
      }
      auto step = methods_.decide(
          {.chain_id = chain_id, .diff_id = layer.diff_id, .parent = layer.parent, .cache = c},
          borrowed_around(chain_id));
      if (step) {
        decided_.emplace(chain_id, plan_.layers.size());
        plan_.layers.push_back(std::move(step).value());
        plan_.layers.back().needed = true;
        return true;
      }
    }
    return false;
  }

  // The diff IDs that are borrowed, or will be, in all chains that a layer is in.
  std::set<Digest> borrowed_around(const Digest& chain_id) const {
    std::set<Digest> chain;
    add_chain(input_.state.layers, chain_id, chain);
    add_above(chain_id, chain);
    chain.erase(chain_id);
    std::set<Digest> borrowed;
    for (const Digest& other : chain) {
      const auto present = input_.state.layers.find(other);
      if (present != input_.state.layers.end() && will_be_borrowed(other, present->second)) {
        borrowed.insert(present->second.diff_id);
      }
    }
    return borrowed;
  }

  void add_above(const Digest& chain_id, std::set<Digest>& into) const {
    std::vector<Digest> open = {chain_id};
    while (!open.empty()) {
      const auto above = children_.find(open.back());
      open.pop_back();
      if (above != children_.end()) {
        std::copy_if(above->second.begin(), above->second.end(), std::back_inserter(open),
                     [&](const Digest& child) { return into.insert(child).second; });
      }
    }
  }

  bool will_be_borrowed(const Digest& chain_id, const store::PresentLayer& present) const {
    const auto known = decided_.find(chain_id);
    return known != decided_.end() && plan_.layers[known->second].method != Method::present
               ? plan_.layers[known->second].method == Method::link
               : !present.borrowed_from.empty();
  }

  void warn_of_flaw(const LayerStep& step) {
    const auto present = input_.state.layers.find(step.chain_id);
    if (present != input_.state.layers.end() && present->second.flaw) {
      plan_.warnings.push_back(
          fmt::format("layer {} is to be made anew, for it is not what was seeded: {}",
                      step.diff_id.short_hex(), present->second.flaw->why));
    }
  }

  const PlanInput& input_;
  Methods methods_;
  Room room_;
  std::map<Digest, std::size_t> decided_;          // chain ID -> index in the plan
  std::map<Digest, std::vector<Digest>> children_; // of layers of the data root, by chain ID
  ImageSteps images_;
  SeedPlan plan_;
};

void warn_of_damage(const PlanInput& input, SeedPlan& plan) {
  for (const CacheView& cache : input.caches) {
    if (!cache.canary.is_whole() && !input.facts.in_user_namespace) { // where owners seem others
      plan.warnings.push_back("the cache was damaged on its way here, so its layers are copied: " +
                              cache.canary.first());
    }
  }
}

} // namespace

SeedPlan make_plan(const PlanInput& input) {
  if (auto plan = plan_without_layers(input)) {
    return *std::move(plan);
  }
  SeedPlan plan = Planner(input).make();
  warn_of_damage(input, plan);
  return plan;
}

} // namespace dind::seed
