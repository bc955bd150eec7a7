#include <fuzz/target.hpp>

#include <cache/skeleton.hpp>

namespace dind::fuzz {
namespace {

void run_skeleton(std::string_view input) {
  require_round_trip(input, cache::parse_skeleton, cache::print_skeleton);
}

const Target kTargetSkeleton("skeleton", run_skeleton);

} // namespace
} // namespace dind::fuzz
