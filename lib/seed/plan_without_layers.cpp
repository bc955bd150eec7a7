#include <seed/plan_without_layers.hpp>

#include <seed/image_steps.hpp>
#include <seed/leftovers.hpp>
#include <seed/methods.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace dind::seed {
namespace {

SeedPlan cold(std::string why, bool is_error) {
  SeedPlan plan;
  plan.cold_why = std::move(why);
  plan.is_error = is_error;
  return plan;
}

// The engine's own API takes the images, whatever its driver.
SeedPlan plan_loads(const PlanInput& input, const Removals& removals) {
  SeedPlan plan;
  plan.by_load = true;
  ImageSteps images;
  for (std::size_t c = 0; c < input.caches.size(); ++c) {
    const CacheView& cache = input.caches[c];
    for (std::size_t i = 0; i < cache.manifest->images.size(); ++i) {
      const cache::Image& image = cache.manifest->images[i];
      if (images.is_settled(image.id)) {
        continue;
      }
      const bool goes = std::find(removals.images.begin(), removals.images.end(), image.id) !=
                        removals.images.end();
      ImageStep step{
          .cache = c, .image = i, .present = !goes && input.state.images.contains(image.id)};
      step.unwanted = !step.present && !goes && !input.settings.reseed &&
                      input.receipt.images.contains(image.id);
      for (const Digest& diff_id : image.layers) {
        const auto sentinels = cache.sentinels.find(diff_id);
        if (sentinels != cache.sentinels.end() && !sentinels->second.missing.empty()) {
          step.missing_why = fmt::format("layer {} of the cache lacks {}", diff_id.hex(),
                                         sentinels->second.missing.front());
        }
      }
      images.put(image.id, std::move(step));
    }
  }
  plan.images = images.take();
  return plan;
}

std::optional<SeedPlan> decide(const PlanInput& input, const Removals& removals) {
  const config::Strategy wish = input.settings.seed;
  if (wish == config::Strategy::off) {
    return cold("DIND_SEED=off", false);
  }
  if (input.caches.empty()) {
    return cold("there is no cache to seed", false);
  }
  if (input.driver.means == Means::none) {
    return cold(input.driver.why, true);
  }
  const bool only_load = input.driver.means == Means::load;
  if (wish == config::Strategy::load || (only_load && wish == config::Strategy::automatic)) {
    return plan_loads(input, removals);
  }
  if (only_load) {
    return cold(
        fmt::format("images can only be loaded here, and DIND_SEED asks for another way: {}",
                    input.driver.why),
        true);
  }
  std::string why = Methods(input).impossible();
  return why.empty() ? std::nullopt : std::optional(cold(std::move(why), true));
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
