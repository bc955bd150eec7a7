#include "boot_report.hpp"
#include "failure.hpp"
#include "verbs.hpp"

#include <daemon/engine_api.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dind::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kApiTimeout{2000};
constexpr std::chrono::milliseconds kPollInterval{50};

constexpr const char* kReadyFooter =
    R"(Asks the engine, and waits 2 s for its answer. Hooks have run by then, too. A probe of
Kubernetes has 1 s, unless it says otherwise:

Example:
  startupProbe:
    exec: {command: [dindctl, ready, --seeded]}
    periodSeconds: 1
    timeoutSeconds: 3
    failureThreshold: 120

Exit codes:
  0   the API answers
  1   it does not, or no dind-init runs here; the reason is on standard error
  64  usage)";

constexpr const char* kLiveFooter =
    R"(Does not ask the engine: a busy one is not to be killed. A drain, a stop and a restart
of dockerd count as alive.

Example:
  livenessProbe:
    exec: {command: [dindctl, live]}
    periodSeconds: 30

Exit codes:
  0   alive
  1   failed, or no dind-init runs here; the reason is on standard error
  64  usage)";

constexpr const char* kWaitFooter =
    R"(Says nothing when the engine is ready, and why where it will not be.

Examples:
  docker exec NAME dindctl wait
  docker exec NAME dindctl wait --seeded --timeout 60

Exit codes:
  0   ready
  1   not ready in time, or the boot has failed; the reason is on standard error
  64  usage)";

struct ReadyOptions {
  ReportOptions report;
  bool seeded = false;
  double timeout_s = 0; // 0 = no limit
};

// Whether a boot can still become ready.
bool is_over(const report::Status& status) {
  return status.state == report::State::failed || status.state == report::State::stopping;
}

// What was seeded need not be what the engine shows: it may keep its images elsewhere than
// expected.
Result<void> check_images(const report::Status& status) {
  const auto images = TRY(daemon::EngineApi(status.api, kApiTimeout).images());
  std::set<std::string> shown;
  for (const daemon::ImageSummary& image : images) {
    shown.insert(image.id);
    shown.insert(image.names.begin(), image.names.end());
  }
  std::vector<std::string> missing;
  std::copy_if(status.images_there.begin(), status.images_there.end(), std::back_inserter(missing),
               [&](const std::string& label) { return !shown.contains(label); });
  if (!missing.empty()) {
    return input_error("the engine does not show {}", fmt::join(missing, ", "));
  }
  return {};
}

Result<void> check_seeded(const report::Status& status) {
  if (!status.images_missing.empty()) {
    return input_error("images are missing: {}", fmt::join(status.images_missing, ", "));
  }
  if (!status.result) {
    return input_error("nothing is known of the seeding yet");
  }
  if (status.images > 0 && *status.result != report::Outcome::ok) {
    return input_error("seeding was {}: {}", report::name_of(*status.result), status.reason);
  }
  return status.api.empty() ? Result<void>() : check_images(status);
}

// The report says what PID 1 saw last; whether the API serves now, only the engine knows.
Result<void> check_ready(const report::Status& status, const ReadyOptions& options) {
  if (status.state != report::State::ready) {
    return input_error("the state is {}", report::name_of(status.state));
  }
  if (!status.api.empty()) {
    TRY(daemon::EngineApi(status.api, kApiTimeout).ping());
  }
  return options.seeded ? check_seeded(status) : Result<void>();
}

int say(std::string_view verb, const Result<void>& outcome) {
  if (!outcome) {
    note(verb, outcome.error().describe());
    return kDoesNotHold;
  }
  return kDone;
}

Result<void> look_once(const ReadyOptions& options) {
  const report::Status status = TRY(find_report(options.report));
  return check_ready(status, options);
}

Result<void> look_for_life(const ReadyOptions& options) {
  const report::Status status = TRY(find_report(options.report));
  if (status.state == report::State::failed) {
    return input_error("the boot has failed: {}", status.reason);
  }
  return {};
}

void pause() {
  const timespec interval{0, std::chrono::nanoseconds(kPollInterval).count()};
  ::nanosleep(&interval, nullptr);
}

Result<void> wait_until_ready(const ReadyOptions& options) {
  const auto start = Clock::now();
  for (;;) {
    const auto status = find_report(options.report);
    Result<void> ready = status ? check_ready(*status, options) : status.error();
    if (ready || (status && is_over(*status))) {
      return ready;
    }
    const std::chrono::duration<double> waited = Clock::now() - start;
    if (options.timeout_s > 0 && waited.count() >= options.timeout_s) {
      return std::move(ready).error().within(
          fmt::format("not ready after {} s", options.timeout_s));
    }
    pause();
  }
}

CLI::App* add_probe(CLI::App& app, const char* name, const char* what, const char* footer,
                    ReadyOptions& options) {
  CLI::App* verb = app.add_subcommand(name, what);
  add_report_options(*verb, options.report);
  verb->footer(footer);
  return verb;
}

// An empty answer means yes, as CLI11 has it.
std::string check_seconds(const std::string& text) {
  double seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, seconds);
  const bool is_number = failure == std::errc() && stop == end;
  return is_number && seconds >= 0 ? "" : fmt::format("{} is not a number of seconds", text);
}

constexpr const char* kSeededHelp = "only if every image of the cache is there, too";

} // namespace

void add_ready(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ReadyOptions>();
  CLI::App* verb =
      add_probe(app, "ready", "succeeds if the engine's API answers now", kReadyFooter, *options);
  verb->add_flag("--seeded", options->seeded, kSeededHelp);
  verb->callback([options, &exit_code] { exit_code = say("ready", look_once(*options)); });
}

void add_live(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ReadyOptions>();
  CLI::App* verb = add_probe(app, "live", "succeeds if dind-init runs and has not failed",
                             kLiveFooter, *options);
  verb->callback([options, &exit_code] { exit_code = say("live", look_for_life(*options)); });
}

void add_wait(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ReadyOptions>();
  CLI::App* verb = add_probe(app, "wait", "waits until `ready` succeeds", kWaitFooter, *options);
  verb->add_flag("--seeded", options->seeded, kSeededHelp);
  verb->add_option("--timeout", options->timeout_s, "how long to wait; 0: for ever")
      ->type_name("SECONDS")
      ->check(check_seconds)
      ->capture_default_str();
  verb->callback([options, &exit_code] { exit_code = say("wait", wait_until_ready(*options)); });
}

} // namespace dind::ctl
