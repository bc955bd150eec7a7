#include <fuzz/target.hpp>

#include <daemon/notify.hpp>

namespace dind::fuzz {
namespace {

void run_notify(std::string_view input) {
  std::ignore = daemon::parse_notification(input);
}

const Target kTargetNotify("notify", run_notify);

} // namespace
} // namespace dind::fuzz
