#include <supervise/readiness.hpp>

#include <base/environment.hpp>
#include <base/log.hpp>
#include <daemon/notify.hpp>
#include <sys/file.hpp>

#include <unistd.h>

namespace dind::supervise {
namespace {

void remove(const std::string& file) {
  if (!file.empty() && ::unlink(file.c_str()) == -1 && errno != ENOENT) {
    log::warn("{}", errno_error("remove {}", file).describe());
  }
}

} // namespace

Readiness::Readiness(std::string ready_file, std::span<const std::string> environment)
    : ready_file_(std::move(ready_file)),
      socket_(find_variable(environment, "NOTIFY_SOCKET").value_or("")) {
  remove(ready_file_);
}

void Readiness::ready() const {
  notify("READY=1");
  if (ready_file_.empty()) {
    return;
  }
  if (const auto written = sys::replace_file(ready_file_, "", 0644, sys::Durable::no); !written) {
    log::warn("{}", written.error().describe());
  }
}

void Readiness::unready() const {
  remove(ready_file_);
}

void Readiness::stopping() const {
  remove(ready_file_);
  notify("STOPPING=1");
}

void Readiness::notify(const char* message) const {
  if (socket_.empty()) {
    return;
  }
  if (const auto sent = daemon::send_notification(socket_, message); !sent) {
    log::warn("{}", sent.error().describe());
  }
}

} // namespace dind::supervise
