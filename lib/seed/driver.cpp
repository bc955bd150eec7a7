#include <seed/plan.hpp>

#include <store/layout.hpp>

#include <algorithm>

#include <fmt/ranges.h>

namespace dind::seed {
namespace {

bool is_allowed(const Wishes& wishes, const std::string& driver) {
  const auto& list = wishes.allowed_drivers;
  return list.empty() || std::find(list.begin(), list.end(), driver) != list.end();
}

DriverChoice decide(const Wishes& wishes, const host::HostFacts& facts,
                    const store::StoreState& state, bool has_cache) {
  const auto overlay2 = [&](std::string why) {
    DriverChoice choice{.driver = store::kOverlay2, .why = std::move(why)};
    choice.seedable = facts.overlay.holds;
    if (!choice.seedable && has_cache) {
      choice.why += ", but " + facts.overlay.why;
    }
    return choice;
  };
  const auto other = [&](const std::string& driver, const std::string& why) {
    return DriverChoice{
        .driver = driver,
        .why = fmt::format("{} is {}, and this version seeds overlay2 alone", driver, why)};
  };

  if (wishes.store == StoreWish::containerd) {
    return {.driver = wishes.required_driver,
            .why = "the containerd image store was asked for, and this version seeds graph drivers "
                   "alone"};
  }
  if (wishes.required_driver == store::kOverlay2) {
    DriverChoice choice = overlay2("overlay2 is required");
    if (has_cache && !facts.overlay.holds) {
      choice.refusal = "storage driver overlay2 is required, but " + facts.overlay.why;
    }
    return choice;
  }
  if (!wishes.required_driver.empty()) {
    return other(wishes.required_driver, "required");
  }
  if (state.prior_drivers.size() > 1) {
    return {.why = fmt::format("the data root holds layers of several drivers ({}), and dockerd "
                               "will not start with it: remove all but one, or name a driver",
                               fmt::join(state.prior_drivers, ", "))};
  }
  if (!state.prior_drivers.empty()) {
    const std::string& prior = state.prior_drivers.front();
    return prior == store::kOverlay2 ? overlay2("the data root holds layers of overlay2")
                                     : other(prior, "the driver of the data root's layers");
  }
  if (state.has_containerd_images && wishes.store != StoreWish::graph) {
    return {.why = "the data root holds images of the containerd store; DIND_STORE=graph would "
                   "seed beside them"};
  }
  if (wishes.preferred_driver == store::kOverlay2) {
    return overlay2("DOCKER_DRIVER names overlay2");
  }
  if (!wishes.preferred_driver.empty()) {
    return other(wishes.preferred_driver, "named by DOCKER_DRIVER");
  }
  if (has_cache || !wishes.allowed_drivers.empty()) {
    return facts.overlay.holds
               ? overlay2(facts.overlay.why)
               : DriverChoice{.why = "overlay2 cannot be used: " + facts.overlay.why};
  }
  return {.why = "there is no cache to seed: the engine chooses"};
}

} // namespace

DriverChoice choose_driver(const Wishes& wishes, const host::HostFacts& facts,
                           const store::StoreState& state, bool has_cache) {
  DriverChoice choice = decide(wishes, facts, state, has_cache);
  if (choice.refusal.empty() && !wishes.allowed_drivers.empty() &&
      !is_allowed(wishes, choice.driver)) {
    choice.refusal = fmt::format("DIND_REQUIRE_DRIVER allows {} alone, and {}",
                                 fmt::join(wishes.allowed_drivers, ", "),
                                 choice.driver.empty() ? choice.why : choice.driver + " is chosen");
  }
  return choice;
}

} // namespace dind::seed
