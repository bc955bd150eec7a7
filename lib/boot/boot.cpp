#include <boot/boot.hpp>

#include <base/log.hpp>
#include <boot/announcement.hpp>
#include <boot/become.hpp>
#include <boot/caches.hpp>
#include <boot/engine_settings.hpp>
#include <boot/key_making.hpp>
#include <boot/loading.hpp>
#include <boot/packet_filter.hpp>
#include <boot/promotion.hpp>
#include <boot/public_sockets.hpp>
#include <boot/seeding.hpp>
#include <boot/status.hpp>
#include <daemon/daemon_json.hpp>
#include <daemon/effective_file.hpp>
#include <daemon/engine_api.hpp>
#include <daemon/launch.hpp>
#include <daemon/notify.hpp>
#include <daemon/rootless.hpp>
#include <host/preparation.hpp>
#include <host/runtime_dir.hpp>
#include <init/reaper.hpp>
#include <init/signals.hpp>
#include <init/stop_at_once.hpp>
#include <init/supervisor.hpp>
#include <sys/listen.hpp>
#include <sys/spawn.hpp>

#include <fmt/ranges.h>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <functional>

namespace dind::boot {
namespace {

constexpr int kUsage = 64;
constexpr int kCacheUnusable = 65;
constexpr int kDriverUnavailable = 69;
constexpr int kHostUnprepared = 71;
constexpr int kDataRootLocked = 75;
constexpr int kSignalBase = 128;

// How long PID 1 lets itself be kept by the engine, once, for an answer.
constexpr auto kQuestionTimeout = std::chrono::milliseconds(500);

// Why the boot ends before dockerd runs, and the exit code that says so.
struct Ending {
  int code = 0;
  std::string why;
};

int end(StatusBoard& board, const Ending& ending) {
  log::error("{}", ending.why);
  board.status().reason = ending.why;
  board.enter(State::failed);
  return ending.code;
}

// What dockerd shall use, from what seeding came to.
daemon::EngineChoice choice_of(const Seeding& seeding, const Wishes& wishes) {
  daemon::EngineChoice choice;
  choice.driver = seeding.found.driver.driver;
  if (wishes.store == StoreWish::containerd) {
    choice.containerd_snapshotter = true;
  } else if (wishes.store == StoreWish::graph || !choice.driver.empty()) {
    // Engine 29 would take the containerd store on an empty data root, where the
    // images that were seeded, or will be by the next boot, do not show.
    choice.containerd_snapshotter = false;
  }
  return choice;
}

// Tells the world once that the engine serves.
void become_ready(const daemon::Launch& launch, StatusBoard& board) {
  if (!launch.api.empty()) {
    const daemon::EngineApi engine(launch.api, kQuestionTimeout);
    const auto version = engine.version();
    board.status().engine = version ? *version : "";
    const auto driver = engine.driver(); // its own choice, where the choice was left to it
    if (driver) {
      board.status().driver = *driver;
    }
  }
  board.end();
  board.enter(State::ready);
  log::info("ready: engine {}, {} images, driver {}", board.status().engine, board.status().images,
            board.status().driver);
}

// The user's file may have changed. If it cannot be read, dockerd keeps what it has.
void renew_file(const fs::path& runtime_dir) {
  if (const auto renewed = daemon::renew_effective_file(runtime_dir); !renewed) {
    log::warn("daemon.json is not read again: {}", renewed.error().describe());
  }
}

// Runs dockerd to its end. From the start of the loop on, nothing but that ends PID 1.
int supervise(const daemon::Launch& launch, const daemon::NotifySocket& notify,
              const fs::path& runtime_dir, const Announcement& announcement,
              const init::SignalSource& signals, StatusBoard& board,
              const std::function<void()>& once_ready) {
  board.begin("launch");
  board.enter(State::launching);
  const auto dockerd = sys::spawn(launch.argv, {.mask = signals.original_mask(),
                                                .environment = launch.environment,
                                                .sockets = launch.sockets});
  if (!dockerd) {
    return end(board, {sys::exit_code_for(dockerd.error()), dockerd.error().describe()});
  }
  board.begin("ready");
  bool ready = false;
  bool early_reload = false;
  const init::Watch readiness{notify.fd(), [&]() {
                                const auto said = notify.receive(*dockerd);
                                if (said && said->ready && !ready) {
                                  ready = true;
                                  become_ready(launch, board);
                                  once_ready();
                                  announcement.ready();
                                  if (early_reload) {
                                    renew_file(runtime_dir);
                                    ::kill(*dockerd, SIGHUP);
                                  }
                                }
                                if (said && said->stopping) {
                                  announcement.stopping();
                                  board.enter(State::stopping);
                                }
                              }};
  // dockerd reads its file when it gets SIGHUP, and cannot take one before it serves.
  const auto forwards = [&](int signal) {
    if (signal == SIGHUP && ready) {
      renew_file(runtime_dir);
    }
    early_reload = early_reload || (signal == SIGHUP && !ready);
    return signal != SIGHUP || ready;
  };
  return init::supervise(*dockerd, signals, {&readiness, 1}, forwards);
}

// Gives layers that users stand on files of their own, before their cache goes.
void promote(const Wishes& wishes, const Findings& found, StatusBoard& board) {
  const std::string& driver = found.driver.driver;
  const bool may_be_borrowed =
      found.driver.means == seed::Means::layers && !seed::has_full_trees(driver);
  if (!may_be_borrowed || !wants_promotion(wishes.promote, found.receipt)) {
    return;
  }
  if (const auto started = start_promotion(wishes.data_root, driver); !started) {
    board.warn(started.error().describe());
  }
}

// A stop, wherever it finds the seeding, has nothing to wait for or to tidy up.
Result<Seeding> seed_until_stopped(const Wishes& wishes, PublicSockets& sockets,
                                   StatusBoard& board) {
  const auto at_once = TRY(init::StopAtOnce::begin());
  return seed_data_root(wishes, Purpose::boot, board,
                        [&](const seed::SeedPlan& plan) { sockets.listen_before(plan); });
}

// Everything between the options and dockerd. Each stage is a function from
// value to value, and after the probe nobody asks the host again.
int run_daemon(const Options& options, const init::SignalSource& signals) {
  StatusBoard board;
  const auto stopped = []() { return init::SignalSource::pending_stop().has_value(); };
  const auto stop_code = []() {
    return kSignalBase + init::SignalSource::pending_stop().value_or(SIGTERM);
  };

  board.begin("options");
  const auto rootless = daemon::rootless_places(options.invocation.environment);
  const auto file = daemon::read_daemon_file(options.flags, rootless ? rootless->daemon_json
                                                                     : daemon::kDefaultDaemonJson);
  if (!file) {
    return end(board, {kUsage, file.error().describe()});
  }
  Wishes given = options.wishes;
  given.data_root = rootless ? rootless->data_root : given.data_root;
  const auto wishes = daemon::complete_wishes(std::move(given), options.flags, file->settings);
  if (!wishes) {
    return end(board, {kUsage, wishes.error().describe()});
  }
  const KeyFindings keys = judge_keys(*file);
  if (!keys.errors.empty()) {
    return end(board, {kUsage, fmt::format("{}", fmt::join(keys.errors, "; "))});
  }
  const auto listeners =
      daemon::plan_listeners({.environment = options.invocation.environment,
                              .flags = options.flags,
                              .file = file->settings,
                              .default_listeners = options.invocation.default_listeners,
                              .wishes = wishes->engine});
  if (!listeners) {
    return end(board, {kUsage, listeners.error().describe()});
  }
  for (const auto* warnings : {&options.warnings, &keys.warnings, &listeners->warnings}) {
    for (const std::string& warning : *warnings) {
      board.warn(warning);
    }
  }

  board.begin("sockets");
  auto sockets = PublicSockets::claim(*listeners, wishes->engine.activate);
  if (!sockets) {
    return end(board, {kHostUnprepared, sockets.error().describe()});
  }

  board.begin("prepare");
  init::adopt_orphans();
  const Announcement announcement(wishes->supervision.ready_file, options.invocation.environment);
  if (!rootless) {
    for (const std::string& warning :
         host::prepare_host({.cgroup_namespace = wishes->cgroup_namespace})) {
      board.warn(warning);
    }
  }
  const auto runtime_dir = rootless ? host::make_plain_runtime_dir(rootless->runtime_dir)
                                    : host::make_runtime_dir(wishes->data_root);
  if (!runtime_dir) {
    return end(board, {kHostUnprepared, runtime_dir.error().describe()});
  }
  board.publish_in(*runtime_dir);
  daemon::Invocation invocation = options.invocation;
  invocation.environment =
      prepare_packet_filter(filter_use(options.flags, file->settings),
                            std::move(invocation.environment), *runtime_dir, board);

  if (!listeners->certificates.empty()) {
    board.begin("tls");
  }
  KeyMaking certificates(
      listeners->certificates, wishes->engine.tls_key,
      daemon::find_variable(options.invocation.environment, "DOCKER_TLS_SAN").value_or(""),
      stopped);

  const auto seeding = seed_until_stopped(*wishes, *sockets, board);
  if (stopped()) {
    return end(board, {stop_code(), "stopped before dockerd was started"});
  }
  if (!seeding) { // nothing but the lock is left to fail
    return end(board, {kDataRootLocked, seeding.error().describe()});
  }
  protect(seeding->found.caches);
  const std::string& refusal = seeding->found.driver.refusal;
  if (!refusal.empty()) {
    return end(board, {kDriverUnavailable, refusal});
  }
  const auto made_in = certificates.finish();
  if (!made_in && stopped()) {
    return end(board, {stop_code(), "stopped before dockerd was started"});
  }
  if (!made_in) { // never without TLS where it was asked for
    return end(board, {kHostUnprepared, made_in.error().describe()});
  }
  board.lengthen("tls", *made_in);

  board.begin("configure");
  const auto notify = daemon::NotifySocket::open(*runtime_dir);
  if (!notify) {
    return end(board, {kHostUnprepared, notify.error().describe()});
  }
  daemon::EngineChoice choice = choice_of(*seeding, *wishes);
  choice.settings = engine_settings(wishes->engine, options.flags, *file);
  auto launch = daemon::configure(invocation, options.flags, *file, choice, *listeners,
                                  *runtime_dir, notify->path().native());
  if (!launch) {
    return end(board, {kUsage, launch.error().describe()});
  }
  for (const std::string& warning : launch->warnings) {
    board.warn(warning);
  }
  std::string failure = seeding->failure;
  if (seeding->plan.by_load) {
    const LoadingEngine engine{invocation, options.flags,          *file, choice, *runtime_dir,
                               *notify,    signals.original_mask()};
    const std::string missing = load_images(*wishes, *seeding, engine, board, stopped);
    failure = missing.empty() ? failure : missing;
    if (stopped()) {
      return end(board, {stop_code(), "stopped while images were loaded"});
    }
  }
  if (!failure.empty()) {
    if (wishes->on_seed_error == OnSeedError::fail) {
      return end(board, {kCacheUnusable, failure});
    }
    // A cold cache is slow; a daemon that does not start is an outage.
    board.warn("not all images of the cache are there: " + failure);
  }

  board.status().driver = seeding->found.driver.driver;
  board.status().store = wishes->store == StoreWish::containerd ? "containerd" : "graph";
  board.status().api = launch->api;
  board.status().images_there = images_there(*seeding, board.status());

  auto handed = sockets->hand_over();
  if (!handed) {
    return end(board, {kHostUnprepared, handed.error().describe()});
  }
  launch->sockets = std::move(handed).value();
  const bool had_layers = !seeding->found.state.prior_drivers.empty();
  const int code = supervise(*launch, *notify, *runtime_dir, announcement, signals, board, [&]() {
    const std::string warning = store_warning(*wishes, choice, had_layers, board.status().engine);
    if (!warning.empty()) {
      board.warn(warning);
      board.publish();
    }
    promote(*wishes, seeding->found, board);
  });
  sys::stop_listening(launch->sockets);
  announcement.stopping();
  return code;
}

} // namespace

int run(std::span<const std::string> arguments, std::span<const std::string> environment) {
  // Before the first thread: threads inherit the signal mask.
  const auto signals = init::SignalSource::open();
  if (!signals) {
    log::error("{}", signals.error().describe());
    return kHostUnprepared;
  }
  const auto options = parse_options(arguments, environment);
  if (!options) {
    log::error("{}", options.error().describe());
    return kUsage;
  }
  log::set_level(options->wishes.log_level);
  log::set_format(options->wishes.log_format);
  switch (options->run) {
  case Run::command:
    return become_command(options->argv, environment, signals->original_mask());
  case Run::daemon_direct:
    return become(options->argv, environment, signals->original_mask());
  case Run::daemon:
    if (::geteuid() != 0) {
      return become_rootless(*options, arguments, signals->original_mask());
    }
    break;
  }
  return run_daemon(*options, *signals);
}

} // namespace dind::boot
