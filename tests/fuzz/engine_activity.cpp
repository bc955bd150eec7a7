#include <fuzz/target.hpp>

#include <daemon/engine_activity.hpp>

namespace dind::fuzz {
namespace {

// The bodies of three of an engine's answers.
void run_engine_activity(std::string_view input) {
  std::ignore = daemon::count_requests(input);
  std::ignore = daemon::count_containers(input, "ci.helper=1");
  std::ignore = daemon::has_events(input, "ci.helper=1");
}

const Target kTargetEngineActivity("engine_activity", run_engine_activity);

} // namespace
} // namespace dind::fuzz
