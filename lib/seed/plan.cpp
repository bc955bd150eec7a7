#include <seed/plan.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace dind::seed {
namespace {

// A layer this small is cheaper to write than to borrow: a borrowed one costs a
// dozen small files anyway.
constexpr std::uint64_t kTinyEntries = 16;
constexpr std::uint64_t kTinyBytes = 32U << 10U;

// Lower directories of one image. The engine takes 128; the rest is left for
// what users build on top.
constexpr std::size_t kMostLowers = 96;

// What a layer takes in the data root, roughly: for the question of room alone.
constexpr std::uint64_t kRecordBytes = 64U << 10U;
constexpr std::uint64_t kRecordInodes = 16;
constexpr std::uint64_t kBlock = 4096;

struct Room {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};

Room cost_of(Method method, const cache::Layer& layer) {
  switch (method) {
  case Method::present:
    return {};
  case Method::link:
    return {kRecordBytes + layer.mark_dirs * kBlock, kRecordInodes + layer.mark_dirs + layer.marks};
  case Method::native:
  case Method::copy:
    return {kRecordBytes + layer.bytes + layer.entries * kBlock / 8, kRecordInodes + layer.entries};
  }
  return {};
}

const cache::Layer& layer_of(const CacheView& cache, const Digest& diff_id) {
  return *cache.manifest->find(diff_id); // a manifest lists every layer that its images name
}

// Builds a plan image by image. Chains are a forest: a layer that several images
// share, on the same parents, is decided once.
class Planner {
public:
  Planner(const Wishes& wishes, const host::HostFacts& facts, const store::DriverState& state,
          const std::vector<CacheView>& caches)
      : wishes_(wishes), facts_(facts), state_(state),
        caches_(caches), room_{facts.free.bytes, facts.free.inodes} {
    for (const CacheView& cache : caches_) {
      for (const cache::Image& image : cache.manifest->images) {
        if (image.copy) {
          const auto chain = cache::chain_ids(image.layers);
          never_borrowed_.insert(chain.begin(), chain.end());
        }
      }
    }
  }

  SeedPlan make() {
    for (std::size_t c = 0; c < caches_.size(); ++c) {
      for (std::size_t i = 0; i < caches_[c].manifest->images.size(); ++i) {
        if (seen_.insert(caches_[c].manifest->images[i].id).second) {
          add_image(c, i);
        }
      }
    }
    return std::move(plan_);
  }

private:
  void add_image(std::size_t cache_index, std::size_t image_index) {
    const CacheView& cache = caches_[cache_index];
    const cache::Image& image = cache.manifest->images[image_index];
    ImageStep step{.cache = cache_index, .image = image_index};
    step.present = state_.images.contains(image.id);
    auto chain = decide_chain(cache_index, image, step.missing_why);
    if (step.missing_why.empty()) {
      shorten(chain);
      take_room(chain, step.missing_why);
    }
    if (step.missing_why.empty()) {
      for (LayerStep& layer : chain) {
        if (decided_.emplace(layer.chain_id, plan_.layers.size()).second) {
          plan_.layers.push_back(std::move(layer));
        } else {
          plan_.layers[decided_.at(layer.chain_id)] = std::move(layer); // shortened for this image
        }
      }
    }
    plan_.images.push_back(std::move(step));
  }

  std::vector<LayerStep> decide_chain(std::size_t cache_index, const cache::Image& image,
                                      std::string& missing_why) {
    std::vector<LayerStep> chain;
    std::set<Digest> borrowed; // diff IDs: the kernel refuses one directory twice in lowerdir
    std::optional<Digest> parent;
    for (const Digest& diff_id : image.layers) {
      const Digest chain_id = cache::next_chain_id(parent, diff_id);
      LayerStep step{
          .chain_id = chain_id, .diff_id = diff_id, .parent = parent, .cache = cache_index};
      if (const auto known = decided_.find(chain_id); known != decided_.end()) {
        step = plan_.layers[known->second];
      } else {
        decide(step, borrowed, missing_why);
      }
      if (step.method == Method::link) {
        borrowed.insert(diff_id);
      }
      chain.push_back(std::move(step));
      parent = chain_id;
    }
    return chain;
  }

  void decide(LayerStep& step, const std::set<Digest>& borrowed, std::string& missing_why) {
    const auto present = state_.layers.find(step.chain_id);
    if (present != state_.layers.end() && present->second.reachable) {
      step.method = Method::present;
      step.why = "the data root has it";
      return;
    }
    const CacheView& cache = caches_[step.cache];
    const cache::Layer& layer = layer_of(cache, step.diff_id);
    const auto sentinels = cache.sentinels.find(step.diff_id);
    if (sentinels != cache.sentinels.end() && !sentinels->second.missing.empty()) {
      missing_why = fmt::format("layer {} of the cache lacks {}", step.diff_id.hex(),
                                sentinels->second.missing.front());
      return;
    }
    step.method = Method::copy;
    const host::Fact& borrow = facts_.caches[step.cache].borrow;
    if (wishes_.seed == SeedWish::copy) {
      step.why = "DIND_SEED=copy";
    } else if (never_borrowed_.contains(step.chain_id)) {
      step.why = "an image on it was baked with --copy";
    } else if (!cache.canary.is_whole()) {
      step.why = "the cache was damaged on its way: " + first_damage(cache.canary);
    } else if (sentinels != cache.sentinels.end() && !sentinels->second.altered.empty()) {
      step.why = "it was damaged on its way: " + sentinels->second.altered.front();
    } else if (!layer.copy_reason.empty()) {
      step.why = layer.copy_reason;
    } else if (!borrow.holds) {
      step.why = "it cannot be borrowed: " + borrow.why;
    } else if (layer.only_directories ||
               (layer.entries <= kTinyEntries && layer.bytes <= kTinyBytes)) {
      step.method = Method::native;
      step.why = "it is tiny";
    } else if (borrowed.contains(step.diff_id)) {
      step.why = "its tree is borrowed in this chain already";
    } else {
      step.method = Method::link;
      step.why = borrow.why;
    }
  }

  static const std::string& first_damage(const cache::Damage& damage) {
    return damage.altered.empty() ? damage.missing.front() : damage.altered.front();
  }

  // Copies the smallest layers that need a skeleton until the chain's lowers leave
  // room for the user's own layers.
  void shorten(std::vector<LayerStep>& chain) {
    std::size_t lowers = 0;
    std::vector<LayerStep*> candidates;
    for (LayerStep& step : chain) {
      const auto present = state_.layers.find(step.chain_id);
      if (step.method == Method::present && present != state_.layers.end()) {
        lowers = present->second.lowers + 1;
        continue;
      }
      ++lowers;
      if (step.method == Method::link && layer_of(caches_[step.cache], step.diff_id).marks > 0) {
        ++lowers;
        candidates.push_back(&step);
      }
    }
    std::stable_sort(candidates.begin(), candidates.end(), [&](auto* a, auto* b) {
      return layer_of(caches_[a->cache], a->diff_id).bytes <
             layer_of(caches_[b->cache], b->diff_id).bytes;
    });
    for (auto step = candidates.begin(); step != candidates.end() && lowers > kMostLowers; ++step) {
      (*step)->method = Method::copy;
      (*step)->why = fmt::format("the chain would have {} lower directories, more than {}", lowers,
                                 kMostLowers);
      --lowers;
    }
  }

  void take_room(const std::vector<LayerStep>& chain, std::string& missing_why) {
    Room need;
    for (const LayerStep& step : chain) {
      const auto known = decided_.find(step.chain_id);
      if (known != decided_.end() && plan_.layers[known->second].method == step.method) {
        continue; // paid for by an earlier image
      }
      const Room cost = cost_of(step.method, layer_of(caches_[step.cache], step.diff_id));
      need.bytes += cost.bytes;
      need.inodes += cost.inodes;
    }
    if (need.bytes > room_.bytes) {
      missing_why = fmt::format("it needs {} bytes of the data root, and {} are free", need.bytes,
                                room_.bytes);
    } else if (need.inodes > room_.inodes) {
      missing_why = fmt::format("it needs {} inodes of the data root, and {} are free", need.inodes,
                                room_.inodes);
    } else {
      room_.bytes -= need.bytes;
      room_.inodes -= need.inodes;
    }
  }

  const Wishes& wishes_;
  const host::HostFacts& facts_;
  const store::DriverState& state_;
  const std::vector<CacheView>& caches_;
  Room room_;
  std::set<Digest> never_borrowed_;       // chain IDs
  std::map<Digest, std::size_t> decided_; // chain ID -> index in the plan
  std::set<Digest> seen_;                 // image IDs
  SeedPlan plan_;
};

SeedPlan cold(std::string why, bool is_error) {
  SeedPlan plan;
  plan.cold_why = std::move(why);
  plan.is_error = is_error;
  return plan;
}

std::string_view word_of(SeedWish wish) {
  switch (wish) {
  case SeedWish::automatic:
    return "auto";
  case SeedWish::link:
    return "link";
  case SeedWish::reflink:
    return "reflink";
  case SeedWish::hardlink:
    return "hardlink";
  case SeedWish::copy:
    return "copy";
  case SeedWish::load:
    return "load";
  case SeedWish::off:
    return "off";
  }
  return "";
}

} // namespace

std::string_view name_of(Method method) {
  constexpr std::array<std::string_view, 4> kNames = {"present", "link", "native", "copy"};
  return kNames[static_cast<std::size_t>(method)];
}

SeedPlan make_plan(const Wishes& wishes, const DriverChoice& driver, const host::HostFacts& facts,
                   const store::StoreState& state, const std::vector<CacheView>& caches) {
  switch (wishes.seed) {
  case SeedWish::off:
    return cold("DIND_SEED=off", false);
  case SeedWish::reflink:
  case SeedWish::hardlink:
  case SeedWish::load:
    return cold(fmt::format("DIND_SEED={}: this version seeds by link and copy alone",
                            word_of(wishes.seed)),
                true);
  default:
    break;
  }
  if (caches.empty()) {
    return cold("there is no cache to seed", false);
  }
  if (!driver.seedable) {
    return cold(driver.why, true);
  }
  if (wishes.seed == SeedWish::link) {
    for (const host::CacheFacts& cache : facts.caches) {
      if (!cache.borrow.holds) {
        return cold("DIND_SEED=link is not possible on this host: " + cache.borrow.why, true);
      }
    }
  }
  SeedPlan plan = Planner(wishes, facts, state.of(driver.driver), caches).make();
  for (const CacheView& cache : caches) {
    if (!cache.canary.is_whole()) {
      plan.warnings.push_back("the cache was damaged on its way here, so its layers are copied: " +
                              (cache.canary.altered.empty()
                                   ? cache.canary.missing.front() + " is missing"
                                   : cache.canary.altered.front()));
    }
  }
  return plan;
}

} // namespace dind::seed
