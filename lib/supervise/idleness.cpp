#include <supervise/idleness.hpp>

#include <base/log.hpp>
#include <daemon/engine_api.hpp>

#include <time.h>

#include <algorithm>
#include <thread>

namespace dind::supervise {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAnswerTimeout = std::chrono::milliseconds(2000);
constexpr auto kShortestPause = std::chrono::milliseconds(300);
constexpr auto kLongestPause = std::chrono::milliseconds(5000);

timespec now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

// What keeps the engine from being idle; empty if nothing does.
Result<std::string> work_of(const daemon::EngineApi& engine, const std::string& ignored,
                            timespec since) {
  if (const auto count = TRY(engine.running_containers(ignored))) {
    return fmt::format("{} containers run", count);
  }
  if (const auto count = TRY(engine.open_requests())) {
    return fmt::format("{} requests are served", count);
  }
  // What came and went between two looks.
  const bool had_some = TRY(engine.had_events(since, now(), ignored));
  return std::string(had_some ? "the engine had events since the last look" : "");
}

} // namespace

std::string idle_for(std::chrono::seconds quiet, const std::string& ignored) {
  const std::string container =
      ignored.empty() ? "container" : fmt::format("container without the label {}", ignored);
  return fmt::format("idle: no {}, build or request for {} s", container, quiet.count());
}

void wait_until_idle(const IdleRequest& request) {
  const daemon::EngineApi engine(request.api, kAnswerTimeout);
  const auto pause = std::clamp(request.quiet / 10, kShortestPause, kLongestPause);
  std::string told;
  timespec looked = now();
  auto quiet_since = Clock::now();
  for (;;) {
    const timespec before = now();
    const auto work = work_of(engine, request.ignored, looked);
    looked = before;
    const std::string busy = work ? *work : work.error().describe();
    if (!busy.empty()) {
      quiet_since = Clock::now();
      if (busy != told) {
        log::debug("not idle: {}", busy);
        told = busy;
      }
    } else if (Clock::now() - quiet_since >= request.quiet) {
      return;
    }
    std::this_thread::sleep_for(pause);
  }
}

} // namespace dind::supervise
