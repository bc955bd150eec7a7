#include <supervise/supervision.hpp>

#include <base/log.hpp>
#include <daemon/effective_file.hpp>
#include <daemon/notify.hpp>
#include <host/loop_root.hpp>
#include <host/stale_pids.hpp>
#include <init/reaper.hpp>
#include <init/supervisor.hpp>
#include <sys/listen.hpp>
#include <sys/spawn.hpp>
#include <blobs/blob_mount.hpp>
#include <report/status_board.hpp>
#include <supervise/backing.hpp>
#include <supervise/blob_server.hpp>
#include <supervise/exit_condition.hpp>
#include <supervise/policy.hpp>
#include <supervise/post_start.hpp>
#include <supervise/promotion.hpp>
#include <supervise/readiness.hpp>
#include <supervise/registry_server.hpp>
#include <supervise/stderr_tail.hpp>

#include <fmt/format.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <tuple>
#include <utility>

namespace dind::supervise {
namespace {

constexpr int kUnprepared = 71;
constexpr auto kDrainQuiet = std::chrono::seconds(3);

std::vector<std::string> inherited_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    environment.emplace_back(*entry);
  }
  return environment;
}

// dockerd's environment without NOTIFY_SOCKET; hooks get a DOCKER_HOST of their own.
std::vector<std::string> hook_environment(const Environment& of_daemon, const std::string& api) {
  std::vector<std::string> environment;
  for (const std::string& entry : of_daemon) {
    if (!entry.starts_with("NOTIFY_SOCKET=") && !entry.starts_with("DOCKER_HOST=")) {
      environment.push_back(entry);
    }
  }
  if (!api.empty()) {
    environment.push_back("DOCKER_HOST=unix://" + api);
  }
  return environment;
}

// By its descriptor: what stands at its path may be another container's by now.
fs::path held_runtime_dir(const Handover& state) {
  return state.runtime ? fs::path(fmt::format("/proc/self/fd/{}", state.runtime.get()))
                       : fs::path(state.runtime_dir);
}

class Supervision {
public:
  Supervision(Handover handover, report::Status status, daemon::NotifySocket notify,
              const init::SignalSource& signals)
      : state_(std::move(handover)), settings_(state_.settings),
        board_(std::move(status), Clock::time_point(std::chrono::nanoseconds(state_.started_ns))),
        notify_(std::move(notify)), readiness_(settings_.ready_file, inherited_environment()),
        supervisor_(signals,
                    policy_of(settings_, ::isatty(0) == 1 ? Terminal::attached : Terminal::none),
                    service()) {
    board_.publish_in(held_runtime_dir(state_));
    board_.measure_in(settings_.metrics_file);
  }

  int run();

private:
  using Clock = std::chrono::steady_clock;

  init::Service service();
  Result<pid_t> start();
  void listen();
  void reload();
  void become_ready(const PostStart& told);
  void enter(const std::string& why);
  void warn(std::string warning);
  void await_idleness(std::chrono::seconds quiet, std::function<void(const std::string&)> then);
  void limit_files() const;
  void watch_backing();
  void stop_listening();

  Handover state_;
  const config::SupervisionSettings& settings_;
  report::StatusBoard board_;
  daemon::NotifySocket notify_;
  Readiness readiness_;
  init::Supervisor supervisor_;
  StderrTail stderr_tail_{supervisor_};
  BlobServer blob_server_{supervisor_, fs::path(state_.runtime_dir) / blobs::kMountName,
                          std::move(state_.blobs),
                          [this](std::string warning) { warn(std::move(warning)); }};
  RegistryServer registry_{
      supervisor_, held_runtime_dir(state_), std::move(state_.registry),
      [this](std::string warning) { warn(std::move(warning)); },
      [this](const registry::Counts& so_far) {
        board_.status().registry = report::RegistryUse{so_far.hits, so_far.misses};
        board_.publish();
      }};
  IdleWait idleness_{supervisor_};
  ExitCondition exit_condition_{settings_.exit_with, supervisor_, board_};
  pid_t post_start_ = 0; // a task; 0: none runs
  bool has_been_ready_ = false;
  std::vector<fs::path> served_; // unix sockets that dockerd had still when we let them go
};

init::Service Supervision::service() {
  init::Service service;
  service.start = [this]() { return start(); };
  service.entered = [this](const std::string& why) { enter(why); };
  service.reload = [this]() { reload(); };
  service.drain = [this]() {
    await_idleness(kDrainQuiet, [this](const std::string& why) { supervisor_.idle(why); });
  };
  // It must not keep the ports open that PID 1 closes.
  service.task = [this]() {
    state_.sockets.clear();
    registry_.let_go();
  };
  service.close = [this]() { served_ = sys::stop_listening(state_.sockets); };
  return service;
}

int Supervision::run() {
  limit_files();
  watch_backing();
  if (settings_.restart.on_failure) {
    if (auto begun = stderr_tail_.begin(); !begun) {
      board_.warn(begun.error().describe());
    }
  }
  supervisor_.watch(notify_.fd(), [this]() { listen(); });
  if (exit_condition_.begin()) {
    stop_listening();
    return 0;
  }
  blob_server_.begin();
  registry_.begin();
  const int code = supervisor_.run();
  registry_.finish();
  blob_server_.finish();
  stderr_tail_.finish();
  stop_listening();
  return code;
}

// Everything that dockerd's start needs was decided before; the same holds for each restart.
Result<pid_t> Supervision::start() {
  if (board_.status().restarts > 0) {
    for (const char* dir : {"/run", "/var/run"}) {
      std::ignore = host::remove_stale_pid_files(dir); // dockerd says what is in its way
    }
  } else {
    board_.begin("launch");
  }
  board_.enter(report::State::launching);
  sys::SpawnOptions options{.mask = state_.mask, .environment = state_.environment};
  options.sockets = state_.sockets;
  options.error_output = stderr_tail_.writer();
  auto started = sys::spawn(state_.argv, options);
  if (board_.status().restarts == 0) {
    board_.begin("ready");
  }
  return started;
}

void Supervision::listen() {
  const auto said = notify_.receive(supervisor_.main());
  if (!said) {
    return;
  }
  if (said->ready && supervisor_.lifecycle().stage() == init::Stage::starting) {
    supervisor_.ready();
    const std::string& api = board_.status().api;
    const HookSetting hooks = {.environment = hook_environment(state_.environment, api),
                               .mask = state_.mask};
    const auto on_result = [this](const std::string& text) {
      post_start_ = 0;
      PostStart told = parse_post_start(text);
      if (text.empty()) {
        told.failures.emplace_back("the hooks may not have run: their process ended early");
      }
      become_ready(told);
    };
    post_start_ = supervisor_.run_in_child(
        [api, hooks]() { return print_post_start(run_post_start(api, hooks)); }, on_result);
    if (post_start_ == 0) {
      on_result("");
    }
  }
  if (said->stopping && supervisor_.lifecycle().stage() != init::Stage::stopping) {
    readiness_.stopping();
    board_.enter(report::State::stopping, "dockerd stops by itself");
  }
}

// dockerd reads its file when it gets SIGHUP. If the user's cannot be read, it keeps what it has.
void Supervision::reload() {
  const pid_t task = supervisor_.run_in_child(
      [this]() {
        const auto renewed = daemon::renew_effective_file(held_runtime_dir(state_));
        return renewed ? std::string() : renewed.error().describe();
      },
      [this](const std::string& failure) {
        if (!failure.empty()) {
          log::warn("daemon.json is not read again: {}", failure);
        }
        supervisor_.send(SIGHUP);
      });
  if (task == 0) {
    supervisor_.send(SIGHUP);
  }
}

// Tells the world that the engine serves.
void Supervision::become_ready(const PostStart& told) {
  for (const std::string& failure : told.failures) {
    board_.warn(failure);
  }
  if (!told.failures.empty() && settings_.on_hook_error == config::OnHookError::fail) {
    return supervisor_.finish(kUnprepared, "a hook failed, and DIND_HOOK_ON_ERROR=fail");
  }
  report::Status& status = board_.status();
  status.engine = told.engine;
  if (!told.driver.empty()) {
    status.driver = told.driver;
  }
  if (!told.store.empty()) {
    status.store = told.store;
  }
  board_.end();
  if (board_.status().state !=
      report::State::launching) { // a drain, or dockerd's own stop, came first
    return board_.publish();
  }
  registry_.bridge_is_up();
  board_.enter(report::State::ready);
  log::info("ready: engine {}, {} images, driver {}", status.engine, status.images, status.driver);
  readiness_.ready();
  if (std::exchange(has_been_ready_, true)) {
    return;
  }
  if (!state_.promote.empty()) {
    supervisor_.run_in_child(
        [this]() {
          promote(state_.data_root, state_.promote);
          return std::string();
        },
        [](const std::string&) {});
  }
  if (settings_.exit_with.on == config::ExitOn::idle) {
    await_idleness(settings_.exit_with.idle,
                   [this](const std::string& why) { supervisor_.finish(0, why); });
  }
}

void Supervision::enter(const std::string& why) {
  using init::Stage;
  const Stage stage = supervisor_.lifecycle().stage();
  if (stage != Stage::ready && stage != Stage::draining) {
    supervisor_.cancel(std::exchange(post_start_, 0));
  }
  if (stage == Stage::stopping) {
    idleness_.cancel();
  }
  switch (stage) {
  case Stage::starting: // `start` says so
  case Stage::ready:    // `become_ready` does
    return;
  case Stage::draining:
    readiness_.unready();
    return board_.enter(report::State::draining, why);
  case Stage::stopping:
    readiness_.stopping();
    return board_.enter(report::State::stopping, why);
  case Stage::restarting:
    readiness_.unready();
    board_.status().restarts = supervisor_.lifecycle().restarts();
    return board_.enter(report::State::restarting, why);
  case Stage::ended:
    readiness_.stopping();
    break;
  }
  const report::State state = board_.status().state;
  if (state != report::State::stopping && state != report::State::draining) {
    stderr_tail_.finish(); // or what was said last would be missing
    const std::string last = stderr_tail_.text();
    if (!last.empty()) {
      log::error("the last lines of dockerd: {}", last);
    }
    board_.enter(report::State::failed, last.empty() ? why : fmt::format("{}: {}", why, last));
  }
}

void Supervision::warn(std::string warning) {
  board_.warn(std::move(warning));
  board_.publish();
}

void Supervision::await_idleness(std::chrono::seconds quiet,
                                 std::function<void(const std::string&)> then) {
  idleness_.begin(
      {board_.status().api, settings_.drain_ignore, quiet},
      [why = idle_for(quiet, settings_.drain_ignore), then = std::move(then)]() { then(why); });
}

void Supervision::limit_files() const {
  if (!settings_.nofile) {
    return;
  }
  const rlimit limit{settings_.nofile->soft, settings_.nofile->hard};
  if (::setrlimit(RLIMIT_NOFILE, &limit) == -1) {
    log::warn("{}",
              errno_error("DIND_NOFILE: limit open files to {}:{}", limit.rlim_cur, limit.rlim_max)
                  .describe());
  }
}

// The filesystem below a loop root fills up unseen from inside.
void Supervision::watch_backing() {
  const Fd backing = std::move(state_.backing);
  if (backing) {
    supervisor_.run_in_child([&backing]() { return wait_until_low(backing); },
                             [this](const std::string& warning) {
                               board_.warn(warning.empty()
                                               ? "the filesystem below the data root is no longer "
                                                 "watched: it may fill up without a warning"
                                               : warning);
                               board_.publish();
                             });
  }
}

// dockerd leaves the files of sockets that it was handed.
void Supervision::stop_listening() {
  std::ignore = sys::stop_listening(state_.sockets);
  for (const fs::path& file : served_) {
    std::ignore = sys::clear_socket_at(file);
  }
}

} // namespace

int supervise(Handover handover, const init::SignalSource& signals) {
  const std::string loop_root = handover.loop_root;
  const Fd lock = std::move(handover.lock); // released after the loop root: the next boot mounts it
  const config::SupervisionSettings settings = handover.settings;
  auto status = report::parse_status(handover.status);
  auto notify = daemon::NotifySocket::open(handover.runtime_dir);
  for (const Error* failure :
       {status ? nullptr : &status.error(), notify ? nullptr : &notify.error()}) {
    if (failure) {
      log::error("{}", failure->describe());
      host::leave_loop_root(loop_root);
      return kUnprepared;
    }
  }
  log::set_level(handover.log_level);
  log::set_format(handover.log_format);
  const int code = Supervision(std::move(handover), std::move(status).value(),
                               std::move(notify).value(), signals)
                       .run();
  host::leave_loop_root(loop_root);
  return remapped(settings, code);
}

int supervise(Handover handover) {
  ::prctl(PR_SET_NAME, "dind-init"); // the kernel took "exe" from /proc/self/exe
  const auto signals = init::SignalSource::open(handover.mask);
  if (!signals) {
    log::error("{}", signals.error().describe());
    return kUnprepared;
  }
  return supervise(std::move(handover), *signals);
}

} // namespace dind::supervise
