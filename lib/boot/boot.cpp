#include <boot/boot.hpp>

#include <base/log.hpp>
#include <base/version.hpp>
#include <boot/caches.hpp>
#include <boot/configuration.hpp>
#include <boot/engine_settings.hpp>
#include <boot/exec_command.hpp>
#include <boot/exit.hpp>
#include <boot/key_making.hpp>
#include <boot/loading.hpp>
#include <boot/packet_filter.hpp>
#include <boot/public_sockets.hpp>
#include <boot/registry_listeners.hpp>
#include <boot/seed_status.hpp>
#include <boot/seeding.hpp>
#include <daemon/launch.hpp>
#include <daemon/notify.hpp>
#include <host/preparation.hpp>
#include <host/runtime_dir.hpp>
#include <init/exit_on_signal.hpp>
#include <init/reaper.hpp>
#include <init/signals.hpp>
#include <store/layout.hpp>
#include <sys/file.hpp>
#include <sys/signal_name.hpp>
#include <config/registry_places.hpp>
#include <report/status_board.hpp>
#include <supervise/policy.hpp>
#include <supervise/promotion.hpp>
#include <supervise/readiness.hpp>
#include <supervise/supervision.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace dind::boot {
namespace {

bool is_stopped() {
  return init::SignalSource::pending_stop().has_value();
}

Exit stop_exit(std::string when) {
  return {sys::kSignalBase + init::SignalSource::pending_stop().value_or(SIGTERM), std::move(when)};
}

void warn(report::StatusBoard& board, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    board.warn(warning);
  }
}

// What is there for the engine before the volume is looked at.
struct Site {
  fs::path runtime_dir;
  Fd runtime;                    // the same, held
  daemon::Invocation invocation; // the user's, and later with the packet filter that works here
};

Result<Site> prepare(const Configuration& configuration, const Options& options,
                     report::StatusBoard& board) {
  init::adopt_orphans();
  supervise::Readiness(configuration.settings.supervision.ready_file, {}); // of an earlier start
  if (!configuration.rootless) {
    warn(board, host::prepare_host({.cgroup_namespace = configuration.settings.cgroup_namespace}));
  }
  Site site;
  site.runtime_dir =
      TRY(configuration.rootless ? host::make_plain_runtime_dir(configuration.rootless->runtime_dir)
                                 : host::make_runtime_dir(configuration.settings.data_root));
  site.runtime = TRY(sys::open_dir(site.runtime_dir));
  board.measure_in(configuration.settings.supervision.metrics_file);
  board.publish_in(site.runtime_dir);
  site.invocation = options.invocation;
  return site;
}

// A stop, wherever it finds the seeding, has nothing to wait for or to tidy up.
Result<Seeding> seed_until_stopped(const config::Settings& settings, PublicSockets& sockets,
                                   report::StatusBoard& board) {
  const auto at_once = TRY(init::ExitOnSignal::begin(
      [&](int code) { return supervise::remapped(settings.supervision, code); }));
  return seed_data_root(settings, Mode::boot, board,
                        [&](const seed::SeedPlan& plan) { sockets.listen_before(plan); });
}

// Images into the volume, while keys and certificates are made.
OrExit<Seeding> fill_volume(const Configuration& configuration, const Options& options,
                            PublicSockets& sockets, report::StatusBoard& board) {
  constexpr const char* kStopped = "stopped before dockerd was started";
  if (!configuration.listeners.certificates.empty()) {
    board.begin("tls");
  }
  KeyMaking certificates(
      configuration.listeners.certificates, configuration.settings.engine.tls_key,
      find_variable(options.invocation.environment, "DOCKER_TLS_SAN").value_or(""), is_stopped);

  auto seeding = seed_until_stopped(configuration.settings, sockets, board);
  if (is_stopped()) {
    return stop_exit(kStopped);
  }
  if (!seeding) { // nothing but the lock is left to fail
    return Exit{kDataRootLocked, seeding.error().describe()};
  }
  protect(seeding->caches);
  if (const auto& refusal = seeding->driver.refusal) {
    return Exit{kDriverUnavailable, refusal->why};
  }
  const auto made_in = certificates.finish();
  if (!made_in && is_stopped()) {
    return stop_exit(kStopped);
  }
  // Never without TLS where it was asked for.
  board.lengthen("tls", TRY(or_exit(kHostUnprepared, made_in)));
  return std::move(seeding).value();
}

// What dockerd shall use, from what seeding came to. It is told as little as will do.
daemon::EngineChoice choice_of(const seed::DriverChoice& driver, const config::Settings& settings) {
  using By = seed::StoreChoice::By;
  daemon::EngineChoice choice;
  // overlayfs is the snapshotter that every engine with a containerd store takes by itself.
  const bool is_by_itself = driver.driver == store::kOverlayfs && settings.required_driver.empty();
  choice.driver = is_by_itself ? "" : driver.driver;
  if (driver.store.is_containerd()) {
    if (driver.store.by != By::engine || !choice.driver.empty()) {
      choice.containerd_snapshotter = true;
    }
  } else if (!driver.driver.empty() || driver.store.by == By::user) {
    // Engine 29 would take the containerd store on an empty data root, where the
    // images that were seeded, or will be by the next boot, do not show.
    choice.containerd_snapshotter = false;
  }
  return choice;
}

bool has_seeded_graph_layers(const Seeding& seeding) {
  return !seeding.driver.store.is_containerd() &&
         (seeding.plan.kind == seed::SeedPlan::Kind::layers || was_seeded(seeding.root));
}

// The driver whose borrowed layers get files of their own while dockerd runs, before
// their cache goes; empty if none do.
std::string driver_to_promote(const config::Settings& settings, const Seeding& seeding) {
  const std::string& driver = seeding.driver.driver;
  const bool may_be_borrowed =
      seeding.driver.means == seed::Means::layers && !seed::has_full_trees(driver);
  const bool wanted = supervise::wants_promotion(settings.promote, seeding.seen.receipt);
  return may_be_borrowed && wanted ? driver : "";
}

// Whether an image may lead to a blob that is not in the data root. Layers that are made there have
// theirs.
bool may_lack_blobs(const seed::SeedPlan& plan) {
  return std::any_of(plan.layers.begin(), plan.layers.end(), [](const seed::LayerStep& step) {
    return step.method == seed::Method::link || step.method == seed::Method::present;
  });
}

// The caches that layers of the containerd store are borrowed from: by this boot, or by earlier
// ones.
std::set<fs::path> caches_of_blobs(const Seeding& seeding) {
  std::set<fs::path> paths;
  if (seeding.driver.driver == store::kOverlayfs && may_lack_blobs(seeding.plan)) {
    for (const cache::Cache& cache : seeding.caches.open) {
      paths.insert(cache.path());
    }
  }
  for (const auto& [chain_id, layer] : seeding.seen.state.of(store::kOverlayfs).layers) {
    if (!layer.borrowed_from.empty()) {
      const fs::path tree = layer.borrowed_from; // <cache>/layer/<diff-id>/tree, or the short name
      paths.insert(tree.parent_path().parent_path().parent_path());
    }
  }
  return paths;
}

void add_blobs_of(const cache::Cache& cache, std::set<Digest>& known,
                  std::vector<blobs::BlobSource>& sources) {
  using Form = blobs::BlobSource::Form;
  const std::string& path = cache.path().native();
  for (const cache::Layer& layer : cache.manifest().layers) {
    if (known.insert(layer.diff_id).second) {
      sources.push_back({layer.diff_id, layer.tar_bytes, path, Form::tar});
    }
    for (const cache::Blob& blob : layer.blobs) {
      if (known.insert(blob.digest).second) {
        sources.push_back(
            {blob.digest, blob.size, path, blob.carried ? Form::carried : Form::left_out});
      }
    }
  }
}

// The blobs that symlinks of the containerd store lead to. All layers of a cache, since it does not
// show which of them a user's image has.
std::vector<blobs::BlobSource> blobs_to_serve(const Seeding& seeding) {
  std::vector<blobs::BlobSource> sources;
  std::set<Digest> known;
  for (const fs::path& path : caches_of_blobs(seeding)) {
    const auto cache = cache::Cache::open(path);
    if (!cache) {
      log::warn("layers cannot be saved or pushed: {}", cache.error().describe());
      continue;
    }
    add_blobs_of(*cache, known, sources);
  }
  return sources;
}

// Those whose images can be pulled: without seeding, too.
std::vector<std::string> caches_to_pull_from(const config::Settings& settings,
                                             const Caches& seeded) {
  if (settings.registry.reach == config::Registry::Reach::off) {
    return {};
  }
  const bool is_seeded = settings.seed != config::Strategy::off;
  const Caches found = is_seeded ? Caches() : open_caches(settings);
  const Caches& caches = is_seeded ? seeded : found;
  std::vector<std::string> paths;
  for (const cache::Cache& cache : caches.open) {
    paths.push_back(cache.path().native());
  }
  return paths;
}

// Leaves dockerd's start and all that follows to a fresh program. From there on, nothing
// but dockerd's end ends PID 1.
int hand_over(supervise::Handover state, const init::SignalSource& signals,
              report::StatusBoard& board) {
  board.end();
  state.status = report::print_status(board.status());
  state.started_ns = std::chrono::nanoseconds(board.start().time_since_epoch()).count();
  state.mask = signals.original_mask();
  const Error failure = supervise::reexec(state);
  log::warn("PID 1 goes on in this process, and keeps the memory of the boot: {}",
            failure.describe());
  return supervise::supervise(std::move(state), signals);
}

// dockerd as it is to be started.
struct Engine {
  daemon::NotifySocket notify;
  daemon::EngineChoice choice;
  daemon::Launch launch;
};

OrExit<Engine> configure_engine(const Configuration& configuration, const Options& options,
                                const Site& site, const Seeding& seeding,
                                report::StatusBoard& board) {
  auto notify = TRY(or_exit(kHostUnprepared, daemon::NotifySocket::open(site.runtime_dir)));
  daemon::EngineChoice choice = choice_of(seeding.driver, configuration.settings);
  choice.seeded_graph_layers = has_seeded_graph_layers(seeding);
  if (const auto registry = config::registry_host(configuration.settings.registry);
      !registry.empty()) {
    choice.first_mirror = "http://" + registry;
  }
  choice.settings =
      engine_settings(configuration.settings.engine, options.flags, configuration.file);
  auto launch =
      TRY(or_exit(kUsage, daemon::configure(site.invocation, options.flags, configuration.file,
                                            choice, configuration.listeners, site.runtime_dir,
                                            notify.path().native())));
  warn(board, launch.warnings);
  return Engine{std::move(notify), std::move(choice), std::move(launch)};
}

// Has the engine load what can only be loaded, and judges what is missing then.
OrExit<void> complete_images(const config::Settings& settings, const Seeding& seeding,
                             const LoadingEngine& how, report::StatusBoard& board) {
  std::optional<Reason> failure = seeding.failure;
  if (seeding.plan.kind == seed::SeedPlan::Kind::load) {
    board.begin("seed");
    board.enter(report::State::seeding);
    const seed::SeedReport done = load_images(settings, seeding, how, is_stopped);
    publish(done, seeding.plan, seeding.driver, board);
    if (is_stopped()) {
      return stop_exit("stopped while images were loaded");
    }
    if (auto missing = seed::failure_of(done)) {
      failure = std::move(missing);
    }
  }
  if (failure && settings.on_seed_error == config::OnSeedError::fail) {
    return Exit{kCacheUnusable, failure->why};
  }
  if (failure) {
    // A cold cache is slow; a daemon that does not start is an outage.
    board.warn("not all images of the cache are there: " + failure->why);
  }
  return {};
}

void report(const config::Settings& settings, const Seeding& seeding, const Engine& engine,
            report::StatusBoard& board) {
  report::Status& status = board.status();
  status.driver = seeding.driver.driver;
  status.store = seeding.driver.store.is_containerd() ? "containerd" : "graph";
  status.api = engine.launch.api;
  status.images_there = images_there(seeding.caches, seeding.plan, status);
  if (settings.supervision.drain.count() > 0 && engine.launch.api.empty()) {
    board.warn("DIND_DRAIN: the engine has no unix socket to be asked at, so that a drain "
               "takes all of its time");
  }
}

// Everything between the options and dockerd. Each stage is a function from
// value to value, and after the probe no stage asks the host again.
OrExit<int> boot_daemon(const Options& options, const init::SignalSource& signals,
                        report::StatusBoard& board) {
  board.begin("options");
  const Configuration configuration = TRY(or_exit(kUsage, resolve(options)));
  const config::Settings& settings = configuration.settings;
  log::info("dind-init {}, commit {}", version(), commit());
  warn(board, configuration.warnings);

  board.begin("sockets");
  auto sockets = TRY(or_exit(
      kHostUnprepared, PublicSockets::claim(configuration.listeners, settings.engine.activate)));
  auto registry = TRY(or_exit(kHostUnprepared, claim_registry(settings.registry, configuration.file,
                                                              configuration.listeners)));

  board.begin("prepare");
  Site site = TRY(or_exit(kHostUnprepared, prepare(configuration, options, board)));
  FilterPreparation filter(
      filter_use(options.flags, configuration.file.settings, settings.engine.firewall_backend),
      site.invocation.environment, site.runtime_dir);

  Seeding seeding = TRY(fill_volume(configuration, options, sockets, board));

  board.begin("configure");
  site.invocation.environment = filter.finish(std::move(site.invocation.environment), board);
  const Engine engine = TRY(configure_engine(configuration, options, site, seeding, board));
  TRY(complete_images(settings, seeding,
                      {site.invocation, options.flags, configuration.file, engine.choice,
                       site.runtime_dir, engine.notify, signals.original_mask()},
                      board));
  report(settings, seeding, engine, board);

  supervise::Handover state;
  state.sockets = TRY(or_exit(kHostUnprepared, sockets.hand_over()));
  state.settings = settings.supervision;
  state.log_level = settings.log_level;
  state.log_format = settings.log_format;
  state.argv = engine.launch.argv;
  state.environment = engine.launch.environment;
  state.runtime_dir = site.runtime_dir.native();
  state.runtime = std::move(site.runtime);
  state.data_root = seeding.root.path;
  state.loop_root = seeding.root.loop ? seeding.root.loop->hand_on() : "";
  state.backing = std::move(seeding.root.backing);
  state.blobs = blobs_to_serve(seeding);
  state.registry = std::move(registry);
  state.registry.caches = caches_to_pull_from(settings, seeding.caches);
  state.promote = driver_to_promote(settings, seeding);
  state.lock = std::move(seeding.root.lock);
  return hand_over(std::move(state), signals, board);
}

int run_daemon(const Options& options, const init::SignalSource& signals) {
  report::StatusBoard board;
  const auto code = boot_daemon(options, signals, board);
  if (code) {
    return *code;
  }
  log::error("{}", code.error().why);
  board.status().reason = code.error().why;
  board.enter(report::State::failed);
  return code.error().code;
}

} // namespace

int run(std::span<const std::string> arguments, std::span<const std::string> environment) {
  if (auto handed = supervise::take_handover(arguments)) {
    if (*handed) {
      return supervise::supervise(std::move(*handed).value());
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
  log::set_level(options->settings.log_level);
  log::set_format(options->settings.log_format);
  switch (options->run) {
  case Run::command:
    return exec_command(options->argv, environment, signals->original_mask());
  case Run::daemon_direct:
    return exec_program(options->argv, environment, signals->original_mask());
  case Run::daemon:
    if (::geteuid() != 0) {
      return exec_rootless(*options, arguments, signals->original_mask());
    }
    break;
  }
  return supervise::remapped(options->settings.supervision, run_daemon(*options, *signals));
}

} // namespace dind::boot
