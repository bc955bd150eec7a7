#pragma once

#include <base/log.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dind::init {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// How a service is to be kept, as its owner asked.
struct Policy {
  std::string name = "the service";          // for the log
  std::vector<std::pair<int, int>> rewrite;  // a signal and what is sent in its place; 0 = none
  std::chrono::milliseconds stop_timeout{0}; // from a stop to SIGKILL; 0 = no limit
  std::chrono::milliseconds early_patience{3000}; // the same before it has ever been ready
  std::chrono::milliseconds drain{0};    // what SIGTERM lets running work have; 0 = nothing
  bool restart = false;                  // if it fails
  std::optional<unsigned> most_restarts; // in a row; absent = without limit
  bool at_terminal = false;              // where a second SIGTERM is a person's, too
};

// Where a service stands. In `restarting` it does not run, and neither does it in `ended`.
enum class Stage { starting, ready, draining, stopping, restarting, ended };

enum class Verb {
  start,  // the service
  send,   // `number`, a signal, to it
  reload, // it shall read its configuration again, for which it gets SIGHUP in the end
  drain,  // wait until the service is idle, then call `idle`
  close,  // what clients connect to: this stop is for good
  end,    // with `number` as the exit code
};
struct Step {
  Verb verb;
  int number = 0;
};

// What to do, in order, and why: one line for the log, empty if there is nothing to tell.
struct Decision {
  std::vector<Step> steps;
  std::string why;
  log::Level level = log::Level::info;
};

// Decides what happens to a service, from its start to the exit code. It does nothing
// itself and knows no clock: `now` is handed in. What was decided is done at once.
class Lifecycle {
public:
  explicit Lifecycle(Policy policy) : policy_(std::move(policy)) {}

  Stage stage() const { return stage_; }
  // When `time` wants to be called.
  std::optional<Time> deadline() const { return deadline_; }
  unsigned restarts() const { return restarts_; }

  void started(Time now);
  Decision ready();
  Decision signal(int number, Time now);                // anything but SIGCHLD
  Decision idle(std::string why, Time now);             // ends a drain, and nothing else
  Decision finish(int code, std::string why, Time now); // stop, and end with `code`
  Decision died(int code, Time now);
  Decision time(Time now);

private:
  Decision stop(int signal, std::string why, Time now);
  Decision hurry(int signal);
  Decision retry(int code, std::string died, Time now);
  Decision end(int code, std::string why);
  int sent_for(int signal) const;
  std::string how_it_ended(int code) const;

  Policy policy_;
  Stage stage_ = Stage::starting;
  std::optional<Time> deadline_;
  std::optional<int> verdict_; // the exit code, whatever the service's own
  Time started_{};
  bool has_been_ready_ = false;
  bool wants_reload_ = false;
  bool asked_to_quit_ = false; // by SIGQUIT: not a failure then
  unsigned failures_ = 0;      // in a row
  unsigned restarts_ = 0;
};

} // namespace dind::init
