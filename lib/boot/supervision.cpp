#include <boot/supervision.hpp>

#include <base/log.hpp>
#include <boot/announcement.hpp>
#include <boot/engine_settings.hpp>
#include <boot/idleness.hpp>
#include <boot/introduction.hpp>
#include <boot/options.hpp>
#include <boot/peers.hpp>
#include <boot/policy.hpp>
#include <boot/promotion.hpp>
#include <boot/status.hpp>
#include <daemon/effective_file.hpp>
#include <daemon/notify.hpp>
#include <host/stale_pids.hpp>
#include <init/reaper.hpp>
#include <init/relay.hpp>
#include <init/supervisor.hpp>
#include <sys/listen.hpp>
#include <sys/path_watch.hpp>
#include <sys/spawn.hpp>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <tuple>

namespace dind::boot {
namespace {

constexpr int kUnprepared = 71;
constexpr auto kDrainQuiet = std::chrono::seconds(3);
constexpr std::size_t kLastLines = 3;
constexpr int kRelayPatience = 500; // milliseconds

std::vector<std::string> inherited_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    environment.emplace_back(*entry);
  }
  return environment;
}

// What dockerd got, less what is between it and us.
std::vector<std::string> hook_environment(const daemon::Environment& of_daemon,
                                          const std::string& api) {
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

class Supervision {
public:
  Supervision(Baton baton, SupervisionWishes wishes, Status status, daemon::NotifySocket notify,
              const init::SignalSource& signals)
      : state_(std::move(baton)), wishes_(std::move(wishes)),
        board_(std::move(status), Clock::time_point(std::chrono::nanoseconds(state_.started_ns))),
        notify_(std::move(notify)), announcement_(wishes_.ready_file, inherited_environment()),
        supervisor_(signals, policy_of(wishes_, ::isatty(0) == 1), service()) {
    board_.publish_in(state_.runtime_dir);
    board_.measure_in(wishes_.metrics_file);
  }

  int run();

private:
  using Clock = std::chrono::steady_clock;

  init::Service service();
  pid_t send_out(const init::Supervisor::Work& work, init::Supervisor::Answered answered);
  Result<pid_t> start();
  void listen();
  void reload();
  void become_ready(const Introduction& told);
  void enter(const std::string& why);
  bool await_the_end();
  bool await_file();
  void await_others();
  void await_idleness();
  void wait_for_idleness(std::chrono::milliseconds quiet, std::function<void()> then);
  void relay();
  void finish_relay();
  void limit_files() const;
  void stop_listening();

  Baton state_;
  SupervisionWishes wishes_;
  StatusBoard board_;
  daemon::NotifySocket notify_;
  Announcement announcement_;
  std::optional<sys::PathWatch> marker_;
  std::optional<init::Relay> relay_;
  init::Supervisor supervisor_;
  pid_t introduction_ = 0; // errands; 0: none is out
  pid_t idleness_ = 0;
  pid_t relaying_ = 0;
  bool has_been_ready_ = false;
  std::vector<fs::path> served_; // unix sockets that dockerd had still when we let them go
};

init::Service Supervision::service() {
  init::Service service;
  service.start = [this]() { return start(); };
  service.entered = [this](const std::string& why) { enter(why); };
  service.reload = [this]() { reload(); };
  service.drain = [this]() {
    supervisor_.call_off(idleness_);
    wait_for_idleness(kDrainQuiet, [this]() { supervisor_.idle(); });
  };
  service.close = [this]() { served_ = sys::stop_listening(state_.sockets); };
  return service;
}

// An errand must not keep the ports open that PID 1 closes.
pid_t Supervision::send_out(const init::Supervisor::Work& work,
                            init::Supervisor::Answered answered) {
  return supervisor_.send_out(
      [this, &work]() {
        state_.sockets.clear();
        return work();
      },
      std::move(answered));
}

int Supervision::run() {
  limit_files();
  if (wishes_.restart.on_failure) {
    relay();
  }
  supervisor_.watch(notify_.fd(), [this]() { listen(); });
  if (await_the_end()) {
    stop_listening();
    return 0;
  }
  const int code = supervisor_.run();
  finish_relay();
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
  board_.enter(State::launching);
  sys::SpawnOptions options{.mask = state_.mask, .environment = state_.environment};
  options.sockets = state_.sockets;
  options.error_output = relay_ ? &relay_->writer() : nullptr;
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
    const auto answered = [this](const std::string& text) {
      introduction_ = 0;
      Introduction told = parse_introduction(text);
      if (text.empty()) {
        told.failures.emplace_back("the hooks may not have run: their process ended early");
      }
      become_ready(told);
    };
    introduction_ =
        send_out([api, hooks]() { return print_introduction(introduce(api, hooks)); }, answered);
    if (introduction_ == 0) {
      answered("");
    }
  }
  if (said->stopping && supervisor_.lifecycle().stage() != init::Stage::stopping) {
    announcement_.stopping();
    board_.enter(State::stopping, "dockerd stops by itself");
  }
}

// dockerd reads its file when it gets SIGHUP. If the user's cannot be read, it keeps what it has.
void Supervision::reload() {
  send_out(
      [this]() {
        const auto renewed = daemon::renew_effective_file(state_.runtime_dir);
        return renewed ? std::string() : renewed.error().describe();
      },
      [this](const std::string& failure) {
        if (!failure.empty()) {
          log::warn("daemon.json is not read again: {}", failure);
        }
        supervisor_.send(SIGHUP);
      });
}

// Tells the world that the engine serves.
void Supervision::become_ready(const Introduction& told) {
  for (const std::string& failure : told.failures) {
    board_.warn(failure);
  }
  if (!told.failures.empty() && wishes_.on_hook_error == OnHookError::fail) {
    return supervisor_.finish(kUnprepared, "a hook failed, and DIND_HOOK_ON_ERROR=fail");
  }
  Status& status = board_.status();
  status.engine = told.engine;
  if (!told.driver.empty()) {
    status.driver = told.driver;
  }
  board_.end();
  const std::string warning =
      has_been_ready_
          ? ""
          : store_warning({}, state_.choice, state_.store_is_settled == true, status.engine);
  if (!warning.empty()) {
    board_.warn(warning);
  }
  if (board_.status().state != State::launching) { // a drain, or dockerd's own stop, came first
    return board_.publish();
  }
  board_.enter(State::ready);
  log::info("ready: engine {}, {} images, driver {}", status.engine, status.images, status.driver);
  announcement_.ready();
  if (std::exchange(has_been_ready_, true)) {
    return;
  }
  if (!state_.promote.empty()) {
    send_out(
        [this]() {
          promote(state_.data_root, state_.promote);
          return std::string();
        },
        [](const std::string&) {});
  }
  if (wishes_.exit_with.on == ExitCondition::idle) {
    await_idleness();
  }
}

void Supervision::enter(const std::string& why) {
  using init::Stage;
  const Stage stage = supervisor_.lifecycle().stage();
  if (stage != Stage::ready && stage != Stage::draining) {
    supervisor_.call_off(std::exchange(introduction_, 0));
  }
  if (stage == Stage::stopping) {
    supervisor_.call_off(std::exchange(idleness_, 0));
  }
  switch (stage) {
  case Stage::starting: // `start` says so
  case Stage::ready:    // `become_ready` does
    return;
  case Stage::draining:
    announcement_.unready();
    return board_.enter(State::draining, why);
  case Stage::stopping:
    announcement_.stopping();
    return board_.enter(State::stopping, why);
  case Stage::restarting:
    announcement_.unready();
    board_.status().restarts = supervisor_.lifecycle().restarts();
    return board_.enter(State::restarting, why);
  case Stage::ended:
    announcement_.stopping();
    break;
  }
  const State state = board_.status().state;
  if (state != State::stopping && state != State::draining) {
    finish_relay(); // or what was said last would be missing
    const std::string last = relay_ ? relay_->last_lines(kLastLines) : "";
    if (!last.empty()) {
      log::error("its last lines: {}", last);
    }
    board_.enter(State::failed, last.empty() ? why : fmt::format("{}: {}", why, last));
  }
}

// True if what shall end this has happened already.
bool Supervision::await_the_end() {
  if (wishes_.exit_with.on == ExitCondition::main) {
    await_others();
  }
  return wishes_.exit_with.on == ExitCondition::file && await_file();
}

bool Supervision::await_file() {
  const std::string& path = wishes_.exit_with.path;
  auto opened = sys::PathWatch::open(path);
  if (!opened) {
    board_.warn("DIND_EXIT_WITH: " + opened.error().describe());
    return false;
  }
  marker_.emplace(std::move(opened).value());
  const auto is_there = [this]() {
    const auto exists = marker_->exists();
    if (!exists) {
      board_.warn("DIND_EXIT_WITH: " + exists.error().describe());
    }
    if (!exists || *exists) {
      supervisor_.forget(marker_->fd());
    }
    return exists && *exists;
  };
  supervisor_.watch(marker_->fd(), [this, is_there, path]() {
    if (is_there()) {
      supervisor_.finish(0, path + " is there");
    }
  });
  if (is_there()) {
    log::info("{} is there already: dockerd is not started", path);
    return true;
  }
  return false;
}

void Supervision::await_others() {
  send_out(
      []() {
        const auto ended = wait_for_others_to_end();
        return ended ? *ended : "";
      },
      [this](const std::string& who) {
        if (who.empty()) {
          return board_.warn("DIND_EXIT_WITH=main: other processes cannot be watched");
        }
        supervisor_.finish(0, fmt::format("{} of another container has ended", who));
      });
}

void Supervision::await_idleness() {
  wait_for_idleness(wishes_.exit_with.idle, [this]() {
    supervisor_.finish(0,
                       fmt::format("nothing has worked for {} s", wishes_.exit_with.idle.count()));
  });
}

void Supervision::wait_for_idleness(std::chrono::milliseconds quiet, std::function<void()> then) {
  const IdlenessWish wish{board_.status().api, wishes_.drain_ignore, quiet};
  idleness_ = send_out(
      [wish]() {
        wait_until_idle(wish);
        return std::string("idle");
      },
      [this, then = std::move(then)](const std::string& answer) {
        idleness_ = 0;
        if (!answer.empty()) {
          then();
        }
      });
}

// For its last lines, dockerd's errors take a way round by a child. Only where they are wanted.
void Supervision::relay() {
  if (!relay_) {
    auto opened = init::Relay::open();
    if (!opened) {
      return board_.warn(opened.error().describe());
    }
    relay_.emplace(std::move(opened).value());
  }
  relaying_ = send_out(
      [this]() {
        relay_->pass_on();
        return std::string();
      },
      [this](const std::string&) { relay(); });
}

void Supervision::limit_files() const {
  if (!wishes_.nofile) {
    return;
  }
  const rlimit limit{wishes_.nofile->soft, wishes_.nofile->hard};
  if (::setrlimit(RLIMIT_NOFILE, &limit) == -1) {
    log::warn("{}",
              errno_error("DIND_NOFILE: limit open files to {}:{}", limit.rlim_cur, limit.rlim_max)
                  .describe());
  }
}

// What dockerd said last must be out before PID 1 goes and takes the relay along.
void Supervision::finish_relay() {
  const pid_t relaying = std::exchange(relaying_, 0); // once
  if (!relay_ || relaying == 0) {
    return;
  }
  relay_->finish();
  const Fd watched(static_cast<int>(::syscall(SYS_pidfd_open, relaying, 0)));
  pollfd polled{watched.get(), POLLIN, 0};
  ::poll(&polled, 1, kRelayPatience);
}

// dockerd leaves the files of sockets that it was handed.
void Supervision::stop_listening() {
  std::ignore = sys::stop_listening(state_.sockets);
  for (const fs::path& file : served_) {
    std::ignore = sys::clear_socket_at(file);
  }
}

} // namespace

int supervise(Baton baton, const init::SignalSource& signals) {
  const auto options = parse_options(baton.arguments, inherited_environment());
  auto status = parse_status(baton.status);
  auto notify = daemon::NotifySocket::open(baton.runtime_dir);
  for (const Error* failure :
       {options ? nullptr : &options.error(), status ? nullptr : &status.error(),
        notify ? nullptr : &notify.error()}) {
    if (failure) {
      log::error("{}", failure->describe());
      return kUnprepared;
    }
  }
  log::set_level(options->wishes.log_level);
  log::set_format(options->wishes.log_format);
  Supervision supervision(std::move(baton), options->wishes.supervision, std::move(status).value(),
                          std::move(notify).value(), signals);
  return remapped(options->wishes.supervision, supervision.run());
}

int supervise(Baton baton) {
  ::prctl(PR_SET_NAME, "dind-init"); // the kernel took "exe" from /proc/self/exe
  const auto signals = init::SignalSource::open(baton.mask);
  if (!signals) {
    log::error("{}", signals.error().describe());
    return kUnprepared;
  }
  return supervise(std::move(baton), *signals);
}

} // namespace dind::boot
