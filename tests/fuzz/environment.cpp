#include <fuzz/target.hpp>

#include <config/variables.hpp>

namespace dind::fuzz {
namespace {

// One line a variable. The complaint is one line for people.
void run_environment(std::string_view input) {
  const auto lines = split(input, '\n');
  const auto settings = config::read_settings(lines);
  require(bool(settings) || settings.error().code() == 0);
  std::ignore = config::judge_variables(lines);
}

const Target kTargetEnvironment("environment", run_environment);

} // namespace
} // namespace dind::fuzz
