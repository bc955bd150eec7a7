#include <fuzz/target.hpp>

#include <daemon/effective_file.hpp>

namespace dind::fuzz {
namespace {

void run_recipe(std::string_view input) {
  require_round_trip(input, daemon::parse_recipe, daemon::print_recipe);
}

const Target kTargetRecipe("recipe", run_recipe);

} // namespace
} // namespace dind::fuzz
