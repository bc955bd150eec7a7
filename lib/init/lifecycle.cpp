#include <init/lifecycle.hpp>

#include <sys/signal_name.hpp>

#include <fmt/format.h>

#include <signal.h>

#include <algorithm>

namespace dind::init {
namespace {

using std::chrono::milliseconds;

constexpr auto kFirstPause = milliseconds(100);
constexpr auto kLongestPause = milliseconds(10'000);
// One that has served for so long was not broken to begin with.
constexpr auto kQuick = milliseconds(10'000);

bool is_stop(int signal) {
  return signal == SIGTERM || signal == SIGINT;
}

double seconds(milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

milliseconds pause_after(unsigned failures) {
  auto pause = kFirstPause;
  for (unsigned i = 1; i < failures && pause < kLongestPause; ++i) {
    pause *= 2;
  }
  return std::min(pause, kLongestPause);
}

} // namespace

int Lifecycle::sent_for(int signal) const {
  for (const auto& [from, to] : policy_.rewrite) {
    if (from == signal) {
      return to;
    }
  }
  return signal;
}

std::string Lifecycle::how_it_ended(int code) const {
  const int signal = code - sys::kSignalBase;
  return signal > 0 && signal < NSIG
             ? fmt::format("{} ended with {} ({})", policy_.name, code, sys::signal_name(signal))
             : fmt::format("{} ended with {}", policy_.name, code);
}

void Lifecycle::started(Time now) {
  stage_ = Stage::starting;
  deadline_.reset();
  started_ = now;
}

Decision Lifecycle::ready() {
  if (stage_ != Stage::starting) {
    return {};
  }
  stage_ = Stage::ready;
  has_been_ready_ = true;
  if (std::exchange(wants_reload_, false)) {
    return {{{Verb::reload}}, fmt::format("SIGHUP came before {} was ready", policy_.name)};
  }
  return {};
}

Decision Lifecycle::signal(int number, Time now) {
  const int sent = sent_for(number);
  if (sent == 0) {
    return {{}, fmt::format("{} is not forwarded, as configured", sys::signal_name(number))};
  }
  if (stage_ == Stage::stopping) {
    return hurry(number);
  }
  if (is_stop(number) || is_stop(sent)) {
    if (stage_ == Stage::restarting) {
      return end(sys::kSignalBase + number,
                 fmt::format("{} while {} did not run", sys::signal_name(number), policy_.name));
    }
    if (stage_ == Stage::ready && number == SIGTERM && policy_.drain.count() > 0) {
      stage_ = Stage::draining;
      deadline_ = now + policy_.drain;
      return {{{Verb::drain}},
              fmt::format("SIGTERM: draining for {} s at most", seconds(policy_.drain))};
    }
    return stop(number, sys::signal_name(number), now);
  }
  if (sent == SIGHUP) {
    const bool is_early = stage_ == Stage::starting || stage_ == Stage::restarting;
    wants_reload_ = wants_reload_ || is_early;
    return is_early ? Decision{} : Decision{{{Verb::reload}}, ""};
  }
  if (stage_ == Stage::restarting) {
    return {{}, fmt::format("{}: {} does not run", sys::signal_name(number), policy_.name)};
  }
  asked_to_quit_ = asked_to_quit_ || sent == SIGQUIT;
  return {{{Verb::send, sent}}, ""};
}

// A stop is asked for once: some daemons take a third one for an order to die at once.
Decision Lifecycle::hurry(int signal) {
  if (signal == SIGINT || (signal == SIGTERM && policy_.at_terminal)) {
    return {{{Verb::send, SIGKILL}},
            fmt::format("{} while stopping: not waiting any longer", sys::signal_name(signal)),
            log::Level::warn};
  }
  if (signal == SIGTERM) {
    return {{}, fmt::format("SIGTERM: {} has been told already", policy_.name)};
  }
  return {{{Verb::send, sent_for(signal)}}, ""};
}

Decision Lifecycle::stop(int signal, std::string why, Time now) {
  stage_ = Stage::stopping;
  deadline_.reset();
  auto patience = policy_.stop_timeout;
  if (!has_been_ready_) {
    verdict_ = verdict_.value_or(sys::kSignalBase + signal);
    patience =
        patience.count() > 0 ? std::min(patience, policy_.early_patience) : policy_.early_patience;
  }
  if (patience.count() > 0) {
    deadline_ = now + patience;
  }
  return {{{Verb::close}, {Verb::send, sent_for(signal)}}, std::move(why) + ": stopping"};
}

Decision Lifecycle::idle(std::string why, Time now) {
  return stage_ == Stage::draining ? stop(SIGTERM, std::move(why), now) : Decision{};
}

Decision Lifecycle::finish(int code, std::string why, Time now) {
  switch (stage_) {
  case Stage::stopping:
  case Stage::ended:
    return {};
  case Stage::draining: // a SIGTERM was first: then the exit code is the service's
    return stop(SIGTERM, std::move(why), now);
  case Stage::restarting:
    return end(code, std::move(why));
  case Stage::starting:
  case Stage::ready:
    break;
  }
  verdict_ = code;
  return stop(SIGTERM, std::move(why), now);
}

Decision Lifecycle::died(int code, Time now) {
  const std::string how = how_it_ended(code);
  if (stage_ == Stage::stopping) {
    return end(verdict_.value_or(code), how);
  }
  const bool is_failure = code != 0 && stage_ != Stage::draining && !asked_to_quit_;
  if (policy_.restart && is_failure) {
    return retry(code, how, now);
  }
  return end(code, how);
}

Decision Lifecycle::retry(int code, std::string died, Time now) {
  const bool was_quick = stage_ == Stage::starting || now - started_ < kQuick;
  failures_ = was_quick ? failures_ + 1 : 1;
  if (policy_.most_restarts && failures_ > *policy_.most_restarts) {
    return end(code, fmt::format("{}, and {} restarts in a row have been made: given up", died,
                                 failures_ - 1));
  }
  stage_ = Stage::restarting;
  ++restarts_;
  const auto pause = pause_after(failures_);
  deadline_ = now + pause;
  return {
      {},
      fmt::format("{}: starting it again in {} s (restart {})", died, seconds(pause), restarts_),
      log::Level::warn};
}

Decision Lifecycle::time(Time now) {
  if (!deadline_ || now < *deadline_) {
    return {};
  }
  deadline_.reset();
  switch (stage_) {
  case Stage::draining:
    return stop(SIGTERM, "the time to drain is over", now);
  case Stage::stopping:
    return {{{Verb::send, SIGKILL}},
            fmt::format("{} has not stopped in time: killing it", policy_.name),
            log::Level::warn};
  case Stage::restarting:
    return {{{Verb::start}}, ""};
  default:
    return {};
  }
}

Decision Lifecycle::end(int code, std::string why) {
  stage_ = Stage::ended;
  deadline_.reset();
  return {{{Verb::end, code}}, std::move(why), code == 0 ? log::Level::info : log::Level::warn};
}

} // namespace dind::init
