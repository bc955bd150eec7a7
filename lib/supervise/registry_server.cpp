#include <supervise/registry_server.hpp>

#include <base/log.hpp>
#include <cache/reader.hpp>
#include <sys/confinement.hpp>
#include <sys/file.hpp>
#include <sys/interface.hpp>
#include <sys/listen.hpp>
#include <registry/http_server.hpp>
#include <supervise/end_child.hpp>

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>

#include <thread>
#include <utility>

namespace dind::supervise {
namespace {

constexpr mode_t kMissedMode = 0644;

std::vector<Fd> copies_of(const std::vector<Fd>& listeners) {
  std::vector<Fd> copies;
  for (const Fd& listener : listeners) {
    copies.emplace_back(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 0));
  }
  return copies;
}

// A cache that cannot be read takes nothing from the others.
void fill(registry::Shelf& shelf, const std::vector<std::string>& caches) {
  for (const std::string& path : caches) {
    const auto cache = cache::Cache::open(path);
    const auto added = cache ? shelf.add(*cache) : Result<void>(cache.error());
    if (!added) {
      log::warn("registry: images of a cache cannot be pulled: {}", added.error().describe());
    }
  }
}

Result<Fd> listen_at(const std::string& interface, std::uint16_t port) {
  const std::string address = TRY(sys::address_of_interface(interface));
  Fd listener = TRY(sys::bind_tcp(address, port));
  TRY(sys::start_listening(listener));
  log::info("registry: containers of this engine can pull images of the caches from {}:{}", address,
            port);
  return listener;
}

} // namespace

RegistryServer::RegistryServer(init::Supervisor& supervisor, boost::filesystem::path runtime_dir,
                               RegistryPlan plan, Warn warn, Used used)
    : supervisor_(supervisor), runtime_dir_(std::move(runtime_dir)), plan_(std::move(plan)),
      warn_(std::move(warn)), used_(std::move(used)), awaits_bridge_(!plan_.bridge.empty()) {}

void RegistryServer::begin() {
  if (!plan_.listeners.empty() && !awaits_bridge_) {
    start();
  }
}

// One that serves already could get no more listeners.
void RegistryServer::bridge_is_up() {
  if (!std::exchange(awaits_bridge_, false) || plan_.listeners.empty()) {
    return;
  }
  auto listener = listen_at(plan_.bridge, plan_.port);
  if (listener) {
    plan_.listeners.push_back(std::move(listener).value());
  } else {
    warn_(fmt::format("DIND_REGISTRY=bridge: containers cannot pull from it: {}",
                      listener.error().describe()));
  }
  start();
}

Result<void> RegistryServer::begin_to_count() {
  tally_ = TRY(registry::Tally::open());
  supervisor_.watch(tally_->readable(), [this]() {
    const registry::Counts more = tally_->receive();
    counts_.hits += more.hits;
    counts_.misses += more.misses;
    used_(counts_);
  });
  used_(counts_);
  return {};
}

// The list is of this run.
void RegistryServer::start() {
  const bool is_first = !has_died_;
  const auto path = runtime_dir_ / registry::kMissedName;
  auto missed = sys::open_path(
      path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | (is_first ? O_TRUNC : 0),
      kMissedMode);
  if (!missed) {
    return warn_("there is no registry: " + missed.error().describe());
  }
  if (auto counting = tally_ ? Result<void>() : begin_to_count(); !counting) {
    return warn_("there is no registry: " + counting.error().describe());
  }
  std::vector<Fd> listeners = copies_of(plan_.listeners); // a task lets go those of PID 1
  back_off_.started();
  server_ = supervisor_.run_in_child(
      [this, &listeners, &missed]() {
        ::prctl(PR_SET_NAME, "dind-registry");
        std::this_thread::sleep_for(back_off_.pause());
        const auto served = serve(listeners, std::move(missed).value());
        return served ? std::string() : served.error().describe();
      },
      [this](const std::string& reason) { died(reason); });
  if (server_ == 0) {
    warn_("there is no registry: no process can be started");
  }
}

Result<void> RegistryServer::serve(const std::vector<Fd>& listeners, Fd missed) const {
  registry::Shelf shelf;
  fill(shelf, plan_.caches);
  ::malloc_trim(0); // a cache.json takes ten times what is kept of it
  registry::Missed list(std::move(missed));
  TRY(sys::confine_to_reading());
  return registry::serve(listeners, shelf, list, *tally_);
}

void RegistryServer::died(const std::string& reason) {
  server_ = 0;
  if (!reason.empty()) {
    return warn_("there is no registry: " + reason);
  }
  back_off_.died();
  const std::string what = "the registry has died, and is started again: a pull from it has failed";
  if (std::exchange(has_died_, true)) {
    log::warn("{}", what);
  } else {
    warn_(what);
  }
  start();
}

void RegistryServer::finish() {
  end_child(supervisor_, std::exchange(server_, 0));
  let_go();
}

} // namespace dind::supervise
