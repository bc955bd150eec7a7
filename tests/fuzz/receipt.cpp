#include <fuzz/target.hpp>

#include <seed/receipt.hpp>

namespace dind::fuzz {
namespace {

void run_receipt(std::string_view input) {
  require_round_trip(input, seed::parse_receipt, seed::print_receipt);
}

const Target kTargetReceipt("receipt", run_receipt);

} // namespace
} // namespace dind::fuzz
