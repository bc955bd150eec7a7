#include <report/status_board.hpp>

#include <base/log.hpp>
#include <base/version.hpp>
#include <sys/boot_id.hpp>
#include <sys/file.hpp>
#include <sys/process.hpp>
#include <report/metrics.hpp>

#include <unistd.h>

namespace dind::report {

StatusBoard::StatusBoard() : start_(std::chrono::steady_clock::now()) {
  status_.dind_init = version();
  status_.pid = ::getpid();
  // Without /proc the report still helps people; probes will not trust it.
  if (auto id = sys::kernel_boot_id()) {
    status_.boot_id = std::move(id).value();
  }
  if (const auto self = sys::read_process_stat(status_.pid)) {
    status_.start_ticks = self->start_ticks;
  }
}

double StatusBoard::now_ms() const {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
      .count();
}

void StatusBoard::publish_in(const fs::path& dir) {
  dir_ = dir;
  publish();
}

void StatusBoard::begin(std::string_view phase) {
  end();
  status_.phases.push_back({std::string(phase), now_ms(), 0});
  phase_runs_ = true;
}

void StatusBoard::end() {
  if (!phase_runs_) {
    return;
  }
  Phase& phase = status_.phases.back();
  phase.duration_ms = now_ms() - phase.start_ms;
  phase_runs_ = false;
  log::debug("phase {} took {:.1f} ms", phase.name, phase.duration_ms);
  publish();
}

void StatusBoard::lengthen(std::string_view phase,
                           std::chrono::duration<double, std::milli> duration) {
  for (Phase& done : status_.phases) {
    if (done.name == phase) {
      done.duration_ms = duration.count();
    }
  }
}

void StatusBoard::enter(State state, std::string reason) {
  status_.state = state;
  status_.state_since_ms = now_ms();
  status_.state_reason = std::move(reason);
  publish();
}

void StatusBoard::warn(std::string message) {
  log::warn("{}", message);
  status_.warnings.push_back(std::move(message));
}

void StatusBoard::publish() {
  const auto put = [this](const fs::path& file, const std::string& text) {
    const auto written = sys::replace_file(file, text, 0644, sys::Durable::no);
    if (!written && !failed_before_) {
      failed_before_ = true;
      log::warn("no boot report: {}", written.error().describe());
    }
  };
  if (!dir_.empty()) {
    put(dir_ / kStatusName, print_status(status_));
  }
  if (!metrics_file_.empty()) {
    put(metrics_file_, print_metrics(status_));
  }
}

} // namespace dind::report
