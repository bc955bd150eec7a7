#pragma once

#include <seed/plan_input.hpp>
#include <seed/seed_plan.hpp>

#include <optional>

namespace dind::seed {

// The plan for a boot that makes no layers itself: nothing is seeded, or all by the engine's own
// API. Layers with a flaw are not left to be seen. nullopt if there are layers to make.
std::optional<SeedPlan> plan_without_layers(const PlanInput& input);

} // namespace dind::seed
