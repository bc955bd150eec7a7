#include <boot/boot.hpp>

#include <base/log.hpp>
#include <boot/announcement.hpp>
#include <boot/become.hpp>
#include <boot/caches.hpp>
#include <boot/engine_settings.hpp>
#include <boot/key_making.hpp>
#include <boot/loading.hpp>
#include <boot/packet_filter.hpp>
#include <boot/policy.hpp>
#include <boot/promotion.hpp>
#include <boot/public_sockets.hpp>
#include <boot/seeding.hpp>
#include <boot/status.hpp>
#include <boot/supervision.hpp>
#include <daemon/daemon_json.hpp>
#include <daemon/launch.hpp>
#include <daemon/notify.hpp>
#include <daemon/rootless.hpp>
#include <host/preparation.hpp>
#include <host/runtime_dir.hpp>
#include <init/reaper.hpp>
#include <init/signals.hpp>
#include <init/stop_at_once.hpp>

#include <fmt/ranges.h>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace dind::boot {
namespace {

constexpr int kUsage = 64;
constexpr int kCacheUnusable = 65;
constexpr int kDriverUnavailable = 69;
constexpr int kHostUnprepared = 71;
constexpr int kDataRootLocked = 75;
constexpr int kSignalBase = 128;

// Why the boot ends before dockerd runs, and the exit code that says so.
struct EarlyEnd {
  int code = 0;
  std::string why;
};

int end(StatusBoard& board, const EarlyEnd& early) {
  log::error("{}", early.why);
  board.status().reason = early.why;
  board.enter(State::failed);
  return early.code;
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

// The driver whose borrowed layers get files of their own while dockerd runs, before
// their cache goes; empty if none do.
std::string driver_to_promote(const Wishes& wishes, const Findings& found) {
  const std::string& driver = found.driver.driver;
  const bool may_be_borrowed =
      found.driver.means == seed::Means::layers && !seed::has_full_trees(driver);
  return may_be_borrowed && wants_promotion(wishes.promote, found.receipt) ? driver : "";
}

// Leaves dockerd's start and all that follows to a fresh program. From there on, nothing
// but dockerd's end ends PID 1.
int hand_over(Baton state, const init::SignalSource& signals, StatusBoard& board) {
  board.end();
  state.status = print_status(board.status());
  state.started_ns = std::chrono::nanoseconds(board.start().time_since_epoch()).count();
  state.mask = signals.original_mask();
  const Error failure = start_anew(state);
  log::warn("supervising with all the memory of the boot: {}", failure.describe());
  return supervise(std::move(state), signals);
}

// A stop, wherever it finds the seeding, has nothing to wait for or to tidy up.
Result<Seeding> seed_until_stopped(const Wishes& wishes, PublicSockets& sockets,
                                   StatusBoard& board) {
  const auto at_once =
      TRY(init::StopAtOnce::begin([&](int code) { return remapped(wishes.supervision, code); }));
  return seed_data_root(wishes, Purpose::boot, board,
                        [&](const seed::SeedPlan& plan) { sockets.listen_before(plan); });
}

// Everything between the options and dockerd. Each stage is a function from
// value to value, and after the probe nobody asks the host again. `loop_root` becomes what is to be
// left when this returns.
int boot_daemon(std::span<const std::string> arguments, const Options& options,
                const init::SignalSource& signals, std::string& loop_root) {
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
  if (const auto refusal = objection(wishes->supervision, ::getpid() == 1)) {
    return end(board, {kUsage, *refusal});
  }
  for (const auto* warnings : {&options.warnings, &keys.warnings, &listeners->warnings}) {
    for (const std::string& warning : *warnings) {
      board.warn(warning);
    }
  }
  if (const auto warning = grace_warning(wishes->supervision)) {
    board.warn(*warning);
  }

  board.begin("sockets");
  auto sockets = PublicSockets::claim(*listeners, wishes->engine.activate);
  if (!sockets) {
    return end(board, {kHostUnprepared, sockets.error().describe()});
  }

  board.begin("prepare");
  init::adopt_orphans();
  Announcement(wishes->supervision.ready_file, {}); // of an earlier start
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
  board.measure_in(wishes->supervision.metrics_file);
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

  auto seeding = seed_until_stopped(*wishes, *sockets, board);
  loop_root = seeding && seeding->found.loop ? seeding->found.loop->path : "";
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
  if (wishes->supervision.drain.count() > 0 && launch->api.empty()) {
    board.warn("DIND_DRAIN: the engine has no unix socket to be asked at, so that a drain "
               "takes all of its time");
  }

  auto handed = sockets->hand_over();
  if (!handed) {
    return end(board, {kHostUnprepared, handed.error().describe()});
  }
  Baton state;
  state.arguments.assign(arguments.begin(), arguments.end());
  state.argv = launch->argv;
  state.environment = launch->environment;
  state.choice = choice;
  state.store_is_settled =
      wishes->store != StoreWish::automatic || !seeding->found.state.prior_drivers.empty();
  state.runtime_dir = runtime_dir->native();
  state.data_root = seeding->found.store_root;
  state.loop_root = std::exchange(loop_root, "");
  state.promote = driver_to_promote(*wishes, seeding->found);
  state.sockets = std::move(handed).value();
  state.lock = std::move(seeding->found.lock);
  return hand_over(std::move(state), signals, board);
}

int run_daemon(std::span<const std::string> arguments, const Options& options,
               const init::SignalSource& signals) {
  std::string loop_root;
  const int code = boot_daemon(arguments, options, signals, loop_root);
  leave_loop_root(loop_root); // nothing is open there any more
  return code;
}

} // namespace

int run(std::span<const std::string> arguments, std::span<const std::string> environment) {
  if (auto handed = take_baton(arguments)) {
    if (*handed) {
      return supervise(std::move(*handed).value());
    }
    log::error("{}", handed->error().describe());
    return kHostUnprepared;
  }
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
  return remapped(options->wishes.supervision, run_daemon(arguments, *options, *signals));
}

} // namespace dind::boot
