#include <boot/policy.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace dind::boot {
namespace {

constexpr auto kUsualGrace = std::chrono::seconds(30); // Kubernetes; docker stop has 10
constexpr auto kEnginesOwn = std::chrono::seconds(15); // dockerd's shutdown-timeout

} // namespace

init::Policy policy_of(const SupervisionWishes& wishes, bool at_terminal) {
  init::Policy policy;
  policy.name = "dockerd";
  policy.rewrite = wishes.signal_rewrite;
  policy.stop_timeout = wishes.stop_timeout;
  policy.drain = wishes.drain;
  policy.restart = wishes.restart.on_failure;
  policy.most_restarts = wishes.restart.most;
  policy.at_terminal = at_terminal;
  return policy;
}

int remapped(const SupervisionWishes& wishes, int code) {
  const auto& harmless = wishes.exit_remap;
  return std::find(harmless.begin(), harmless.end(), code) == harmless.end() ? code : 0;
}

std::optional<std::string> objection(const SupervisionWishes& wishes, bool is_pid1) {
  if (wishes.exit_with.on == ExitCondition::main && is_pid1) {
    return "DIND_EXIT_WITH=main: this is PID 1, so no process namespace is shared; "
           "set shareProcessNamespace in the pod, or docker run --pid=container:NAME";
  }
  return std::nullopt;
}

std::optional<std::string> grace_warning(const SupervisionWishes& wishes) {
  const auto stop = wishes.stop_timeout.count() > 0 ? wishes.stop_timeout : kEnginesOwn;
  if (wishes.drain.count() == 0 || wishes.drain + stop <= kUsualGrace) {
    return std::nullopt;
  }
  return fmt::format("draining ({} s) and stopping ({} s) may take longer than the usual grace "
                     "period of {} s, after which all is killed: raise "
                     "terminationGracePeriodSeconds, or docker stop's --time",
                     wishes.drain.count(), stop.count(), kUsualGrace.count());
}

} // namespace dind::boot
