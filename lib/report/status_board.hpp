#pragma once

#include <report/status.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace dind::report {

// Collects the boot report and publishes it. Phases follow each other: a new
// one ends the last. Used from one thread.
class StatusBoard {
public:
  // Looks up boot ID, pid and start time of this process and starts the clock.
  // To be made first thing.
  StatusBoard();
  // Goes on with a report of this very process, whose clock was started then.
  StatusBoard(Status status, std::chrono::steady_clock::time_point start)
      : status_(std::move(status)), start_(start) {}

  Status& status() { return status_; }
  const Status& status() const { return status_; }

  // From the first call on, each change of phase or state is written to `dir`.
  void publish_in(const fs::path& dir);
  std::chrono::steady_clock::time_point start() const { return start_; }
  // The same as metrics, in a file of its own (0644) at the same moments.
  void measure_in(std::string file) { metrics_file_ = std::move(file); }

  void begin(std::string_view phase);
  void end(); // of the running phase, if there is one
  // What a phase really took whose work went on beside the phases after it.
  void lengthen(std::string_view phase, std::chrono::duration<double, std::milli> duration);
  void enter(State state, std::string reason = ""); // and publishes
  // Logs a warning and keeps it for the report.
  void warn(std::string message);

  // Replaces status.json (0644), so that readers see all of it or none. A
  // failure is logged once: a report that cannot be written stops nothing.
  void publish();

private:
  double now_ms() const;

  Status status_;
  std::chrono::steady_clock::time_point start_;
  bool phase_runs_ = false;
  bool failed_before_ = false;
  fs::path dir_; // empty: not published yet
  std::string metrics_file_;
};

} // namespace dind::report
