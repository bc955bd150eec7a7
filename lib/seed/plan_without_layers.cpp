#include <seed/plan_without_layers.hpp>

#include <seed/leftovers.hpp>
#include <seed/methods.hpp>

#include <algorithm>
#include <map>
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
  std::map<Digest, std::size_t> planned; // image ID -> index in the plan
  for (std::size_t c = 0; c < input.caches.size(); ++c) {
    const CacheView& cache = input.caches[c];
    for (std::size_t i = 0; i < cache.manifest->images.size(); ++i) {
      const cache::Image& image = cache.manifest->images[i];
      const auto known = planned.find(image.id);
      if (known != planned.end() && plan.images[known->second].missing_why.empty()) {
        continue;
      }
      const bool goes = std::find(removals.images.begin(), removals.images.end(), image.id) !=
                        removals.images.end();
      ImageStep step{
          .cache = c, .image = i, .present = !goes && input.state.images.contains(image.id)};
      step.unwanted =
          !step.present && !goes && !input.wishes.reseed && input.receipt.images.contains(image.id);
      for (const Digest& diff_id : image.layers) {
        const auto sentinels = cache.sentinels.find(diff_id);
        if (sentinels != cache.sentinels.end() && !sentinels->second.missing.empty()) {
          step.missing_why = fmt::format("layer {} of the cache lacks {}", diff_id.hex(),
                                         sentinels->second.missing.front());
        }
      }
      if (known == planned.end()) {
        planned.emplace(image.id, plan.images.size());
        plan.images.push_back(std::move(step));
      } else if (step.missing_why.empty()) { // what one cache cannot give, another may
        plan.images[known->second] = std::move(step);
      }
    }
  }
  return plan;
}

std::optional<SeedPlan> decide(const PlanInput& input, const Removals& removals) {
  const SeedWish wish = input.wishes.seed;
  if (wish == SeedWish::off) {
    return cold("DIND_SEED=off", false);
  }
  if (input.caches.empty()) {
    return cold("there is no cache to seed", false);
  }
  if (input.driver.means == Means::none) {
    return cold(input.driver.why, true);
  }
  const bool only_load = input.driver.means == Means::load;
  if (wish == SeedWish::load || (only_load && wish == SeedWish::automatic)) {
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
