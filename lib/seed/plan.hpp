#pragma once

#include <seed/plan_input.hpp>
#include <seed/seed_plan.hpp>

namespace dind::seed {

// Decides, and touches nothing: the same input gives the same plan.
SeedPlan make_plan(const PlanInput& input);

} // namespace dind::seed
