#include <fuzz/target.hpp>

#include <report/status.hpp>

namespace dind::fuzz {
namespace {

void run_status(std::string_view input) {
  require_round_trip(input, report::parse_status, report::print_status);
}

const Target kTargetStatus("status", run_status);

} // namespace
} // namespace dind::fuzz
