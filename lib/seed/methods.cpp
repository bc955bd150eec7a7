#include <seed/methods.hpp>

#include <store/layout.hpp>

#include <utility>

#include <fmt/format.h>

namespace dind::seed {
namespace {

// A layer this small is cheaper to write than to borrow: a borrowed one costs a
// dozen small files anyway.
constexpr std::uint64_t kTinyEntries = 16;
constexpr std::uint64_t kTinyBytes = 32U << 10U;

bool is_tiny(const cache::Layer& layer) {
  return layer.only_directories || (layer.entries <= kTinyEntries && layer.bytes <= kTinyBytes);
}

const host::Fact kFullTrees{
    false, "layers of this driver hold their parents' files too, so they cannot be borrowed"};

} // namespace

const cache::Layer& layer_of(const CacheView& cache, const Digest& diff_id) {
  return *cache.manifest->find(diff_id); // a manifest lists every layer that its images name
}

Methods::Methods(const PlanInput& input)
    : input_(input), full_trees_(has_full_trees(input.driver.driver)) {
  for (const CacheView& cache : input_.caches) {
    for (const cache::Image& image : cache.manifest->images) {
      if (image.copy) {
        const auto chain = cache::chain_ids(image.layers);
        never_borrowed_.insert(chain.begin(), chain.end());
      }
    }
  }
  // A layer with a flaw is made anew, or goes. What stands on it may stay.
  for (const auto& [chain_id, layer] : input_.state.layers) {
    if (!layer.flaw) {
      add_below(layer);
    }
  }
}

void Methods::add_below(const store::PresentLayer& layer) {
  const auto& layers = input_.state.layers;
  std::optional<Digest> below = layer.parent;
  while (below && with_children_.insert(*below).second) {
    const auto next = layers.find(*below);
    below = next != layers.end() ? next->second.parent : std::nullopt;
  }
}

const host::Fact& Methods::borrow_fact(std::size_t cache) const {
  const host::CacheFacts& facts = input_.facts.caches[cache];
  // What `docker save` reads of a borrowed layer comes through FUSE.
  const bool is_unreadable =
      input_.driver.driver == store::kOverlayfs && !input_.facts.fuse_device.holds;
  return full_trees_                                     ? kFullTrees
         : input_.driver.driver == store::kFuseOverlayfs ? facts.fuse_borrow
         : is_unreadable                                 ? input_.facts.fuse_device
                                                         : facts.borrow;
}

std::optional<Reason> Methods::obstacle() const {
  for (std::size_t cache = 0; cache < input_.caches.size(); ++cache) {
    const host::CacheFacts& facts = input_.facts.caches[cache];
    const host::Fact* fact = nullptr;
    std::string_view strategy;
    switch (input_.settings.seed) {
    case config::Strategy::link:
      fact = &borrow_fact(cache);
      strategy = "link";
      break;
    case config::Strategy::reflink:
      fact = &facts.reflink;
      strategy = "reflink";
      break;
    case config::Strategy::hardlink:
      fact = &facts.hardlink;
      strategy = "hardlink";
      break;
    default:
      return std::nullopt;
    }
    if (!fact->holds) {
      return Reason{fmt::format("DIND_SEED={} is not possible with {} on this host: {}", strategy,
                                input_.driver.driver, fact->why)};
    }
  }
  return std::nullopt;
}

Result<LayerStep, Reason> Methods::decide(LayerStep step, const std::set<Digest>& borrowed) const {
  const CacheView& cache = input_.caches[step.cache];
  const auto sentinels = cache.sentinels.find(step.diff_id);
  if (sentinels != cache.sentinels.end() && !sentinels->second.missing.empty()) {
    return Reason{fmt::format("layer {} of the cache lacks {}", step.diff_id.hex(),
                              sentinels->second.missing.front())};
  }
  step.otherwise.clear();
  if (auto damage = why_restored(step)) {
    step.method = Method::copy;
    step.origin = Origin::tar;
    step.why = std::move(damage)->why;
    return step;
  }
  if (auto obstacle = why_not_borrowed(step, borrowed)) {
    return own(std::move(step), std::move(obstacle)->why);
  }
  if (is_tiny(layer_of(cache, step.diff_id))) {
    step.method = Method::native;
    step.origin = Origin::tar;
    step.why = "it is tiny";
    return step;
  }
  if (input_.settings.seed == config::Strategy::automatic) {
    step = own(std::move(step), "");
    step.otherwise.insert(step.otherwise.begin(), step.method);
  }
  step.method = Method::link;
  step.origin = Origin::tree;
  step.why = borrow_fact(step.cache).why;
  return step;
}

std::optional<Reason> Methods::why_restored(const LayerStep& step) const {
  const CacheView& cache = input_.caches[step.cache];
  if (input_.facts.in_user_namespace) {
    return Reason{"in a user namespace its owners are known from its tar alone"};
  }
  if (!cache.canary.is_whole()) {
    return Reason{"the cache was damaged on its way: " + cache.canary.first()};
  }
  const auto sentinels = cache.sentinels.find(step.diff_id);
  if (sentinels != cache.sentinels.end() && !sentinels->second.altered.empty()) {
    return Reason{"it was damaged on its way: " + sentinels->second.altered.front()};
  }
  const cache::Layer& layer = layer_of(cache, step.diff_id);
  return layer.copy_reason.empty() ? std::nullopt : std::optional(Reason{layer.copy_reason});
}

std::optional<Reason> Methods::why_not_borrowed(const LayerStep& step,
                                                const std::set<Digest>& borrowed) const {
  const config::Strategy strategy = input_.settings.seed;
  if (strategy != config::Strategy::automatic && strategy != config::Strategy::link) {
    return Reason{"as DIND_SEED says"};
  }
  const host::Fact& borrow = borrow_fact(step.cache);
  if (!borrow.holds) {
    return Reason{"it cannot be borrowed: " + borrow.why};
  }
  if (never_borrowed_.contains(step.chain_id)) {
    return Reason{"an image on it was baked with --copy"};
  }
  if (borrowed.contains(step.diff_id)) {
    return Reason{"its tree is borrowed in this chain already"}; // ELOOP
  }
  // Children that were made on a layer without a skeleton do not list one.
  if (layer_of(input_.caches[step.cache], step.diff_id).marks > 0) {
    const auto present = input_.state.layers.find(step.chain_id);
    if (present != input_.state.layers.end() && present->second.borrowed_from.empty()) {
      return Reason{"layers may have been made on it while it had files of its own"};
    }
    if (present == input_.state.layers.end() && with_children_.contains(step.chain_id)) {
      return Reason{"the data root has layers on it, which may have been made while it had files "
                    "of its own"};
    }
  }
  return std::nullopt;
}

LayerStep Methods::own(LayerStep step, std::string why) const {
  const host::CacheFacts& facts = input_.facts.caches[step.cache];
  std::vector<Method> ladder;
  switch (input_.settings.seed) {
  case config::Strategy::reflink:
    ladder = {Method::reflink};
    break;
  case config::Strategy::hardlink:
    ladder = {Method::hardlink};
    break;
  case config::Strategy::automatic:
    if (facts.reflink.holds) {
      ladder.push_back(Method::reflink);
    }
    // A job could write to an inode that it shares with a cache of other containers.
    if (facts.hardlink.holds && facts.on_own_root) {
      ladder.push_back(Method::hardlink);
    }
    ladder.push_back(Method::copy);
    break;
  default:
    ladder = {Method::copy};
    break;
  }
  step.method = ladder.front();
  step.origin = Origin::tree;
  step.otherwise.assign(ladder.begin() + 1, ladder.end());
  step.why = std::move(why);
  return step;
}

} // namespace dind::seed
