#include <boot/key_making.hpp>

#include <base/log.hpp>
#include <daemon/host_names.hpp>
#include <daemon/tls.hpp>
#include <sys/workers.hpp>

#include <utility>

namespace dind::boot {
namespace {

using Clock = std::chrono::steady_clock;

} // namespace

KeyMaking::KeyMaking(std::string dir, config::TlsKey kind, std::string added,
                     std::function<bool()> stopped) {
  if (dir.empty()) {
    return;
  }
  const auto make = [this, dir = std::move(dir), kind, added = std::move(added),
                     stopped = std::move(stopped)](const std::stop_token& token) {
    const auto start = Clock::now();
    const std::string names = daemon::subject_alt_names(daemon::read_host_names(), added);
    log::info("TLS: keys and certificates are in {}; the server is {}", dir, names);
    made_ = daemon::prepare_tls({.dir = dir, .key = kind, .names = names, .stopped = [&]() {
                                   return token.stop_requested() || stopped();
                                 }});
    duration_ = Clock::now() - start;
  };
  thread_ = sys::start_thread(make);
  if (!thread_) {
    make({});
  }
}

Result<std::chrono::duration<double, std::milli>> KeyMaking::finish() {
  if (thread_ && thread_->joinable()) {
    thread_->join();
  }
  TRY(std::move(made_));
  return duration_;
}

} // namespace dind::boot
