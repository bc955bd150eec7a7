#include <seed/plan_without_layers.hpp>

#include <seed/image_steps.hpp>
#include <seed/leftovers.hpp>
#include <seed/methods.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace dind::seed {
namespace {

SeedPlan nothing(std::string why) {
  return {.kind = SeedPlan::Kind::nothing, .why = std::move(why)};
}

SeedPlan impossible(std::string why) {
  return {.kind = SeedPlan::Kind::impossible, .why = std::move(why)};
}

// The image may be removed by this plan. Then the engine has it no more, and it was not the user
// who removed it.
ImageStep::Fate fate_of(const cache::Image& image, const PlanInput& input,
                        const Removals& removals) {
  if (std::find(removals.images.begin(), removals.images.end(), image.id) !=
      removals.images.end()) {
    return ImageStep::Fate::seed;
  }
  if (input.state.images.contains(image.id)) {
    return ImageStep::Fate::present;
  }
  const bool was_removed = !input.settings.reseed && input.receipt.images.contains(image.id) &&
                           !input.state.changed_images.contains(image.id);
  return was_removed ? ImageStep::Fate::unwanted : ImageStep::Fate::seed;
}

// The engine's own API takes the images, whatever its driver.
SeedPlan plan_loads(const PlanInput& input, const Removals& removals) {
  SeedPlan plan;
  plan.kind = SeedPlan::Kind::load;
  ImageSteps images;
  for (std::size_t c = 0; c < input.caches.size(); ++c) {
    const CacheView& cache = input.caches[c];
    for (std::size_t i = 0; i < cache.manifest->images.size(); ++i) {
      const cache::Image& image = cache.manifest->images[i];
      if (images.is_settled(image.id)) {
        continue;
      }
      ImageStep step{.cache = c, .image = i, .fate = fate_of(image, input, removals)};
      for (const Digest& diff_id : image.layers) {
        const auto sentinels = cache.sentinels.find(diff_id);
        if (sentinels != cache.sentinels.end() && !sentinels->second.missing.empty()) {
          step.missing = Reason{fmt::format("layer {} of the cache lacks {}", diff_id.hex(),
                                            sentinels->second.missing.front())};
        }
      }
      images.put(image.id, std::move(step));
    }
  }
  plan.images = images.take();
  return plan;
}

std::optional<SeedPlan> decide(const PlanInput& input, const Removals& removals) {
  const config::Strategy strategy = input.settings.seed;
  if (strategy == config::Strategy::off) {
    return nothing("DIND_SEED=off");
  }
  if (input.caches.empty()) {
    return nothing("there is no cache to seed");
  }
  if (input.driver.means == Means::none) {
    return impossible(input.driver.why);
  }
  const bool only_load = input.driver.means == Means::load;
  if (strategy == config::Strategy::load ||
      (only_load && strategy == config::Strategy::automatic)) {
    return plan_loads(input, removals);
  }
  if (only_load) {
    return impossible(
        fmt::format("images can only be loaded here, and DIND_SEED asks for another way: {}",
                    input.driver.why));
  }
  if (auto obstacle = Methods(input).obstacle()) {
    return impossible(std::move(obstacle)->why);
  }
  return std::nullopt;
}

} // namespace

std::optional<SeedPlan> plan_without_layers(const PlanInput& input) {
  Leftovers leftovers =
      judge_leftovers(input.earlier, input.receipt, lost_layers(input.earlier), {});
  auto plan = decide(input, leftovers.removals);
  if (plan) {
    plan->removals = std::move(leftovers.removals);
    plan->warnings = std::move(leftovers.warnings);
  }
  return plan;
}

} // namespace dind::seed
