#include <boot/seeding.hpp>

#include <base/log.hpp>
#include <boot/layer_flaws.hpp>
#include <boot/progress_line.hpp>
#include <boot/seed_status.hpp>
#include <seed/clearing.hpp>
#include <seed/executor.hpp>
#include <supervise/backing.hpp>

#include <errno.h>

#include <chrono>
#include <new>
#include <utility>

#include <fmt/format.h>

namespace dind::boot {
namespace {

clone::CloneMethod share_method(const host::HostFacts& facts) {
  return facts.hardlink.holds  ? clone::CloneMethod::hardlink
         : facts.reflink.holds ? clone::CloneMethod::reflink
                               : clone::CloneMethod::copy;
}

seed::DriverChoice choose(const config::Settings& settings, const Inspection& seen,
                          const Caches& caches) {
  return seed::choose_driver(settings, seen.facts, seen.state, has_images(caches));
}

void tell_of(const host::LoopRoot& loop, const std::optional<std::string>& warning,
             report::StatusBoard& board) {
  if (warning) {
    board.warn(*warning);
  }
  log::info("data root: {} bytes on {}, {}", loop.bytes, loop.device,
            loop.is_new ? "new" : "from an earlier start");
}

// Puts a loop-mounted filesystem at the data root and looks again; if that fails, the next rung of
// the ladder is taken.
Result<Seeding> on_loop(Seeding seeding, const config::Settings& settings,
                        report::StatusBoard& board) {
  auto loop = mount_on_loop(settings, seeding.seen.facts.free);
  if (!loop) {
    log::warn("the data root stays where it is: {}", loop.error().describe());
    seeding.seen.facts.loop = {false, std::move(loop).error().describe()};
    seeding.driver = choose(settings, seeding.seen, seeding.caches);
    return seeding;
  }
  seeding.root = TRY(moved_to(std::move(loop).value(), std::move(seeding.root), settings));
  supervise::Backing backing = supervise::look_at_backing(seeding.root.loop->root());
  seeding.root.backing = std::move(backing.to_watch);
  tell_of(seeding.root.loop->root(), backing.warning, board);
  seeding.seen = TRY(inspect(seeding.root, seeding.caches, settings));
  // The ladder that led here is what people want to know, not that overlay2 works now.
  const seed::DriverChoice before = std::move(seeding.driver);
  seeding.driver = choose(settings, seeding.seen, seeding.caches);
  seeding.driver.why = before.why;
  seeding.driver.refused = before.refused;
  return seeding;
}

// A lower rung would hold the data root to its driver for good.
seed::DriverChoice left_to_the_boot(seed::DriverChoice driver) {
  driver.means = seed::Means::none;
  driver.why += ", which dind-init mounts when it boots";
  return driver;
}

// Holds the data root, sees what it is like, and chooses its driver.
Result<Seeding> prepare_seeding(const config::Settings& settings, Mode mode,
                                report::StatusBoard& board) {
  Seeding seeding;
  if (settings.seed != config::Strategy::off) {
    seeding.caches = TRY(looked_into(open_caches(settings), settings.verify));
  }
  seeding.root = TRY(hold_data_root(settings, mode, has_images(seeding.caches)));
  seeding.seen = TRY(inspect(seeding.root, seeding.caches, settings));
  seeding.driver = choose(settings, seeding.seen, seeding.caches);
  if (seeding.driver.on_loop && mode == Mode::boot) {
    seeding = TRY(on_loop(std::move(seeding), settings, board));
  } else if (seeding.driver.on_loop && mode == Mode::seed_only) {
    seeding.driver = left_to_the_boot(std::move(seeding.driver));
  }
  if (!seeding.seen.facts.filesystem_note.empty() && !seeding.root.loop) {
    log::info("{}", seeding.seen.facts.filesystem_note);
  }
  if (!seeding.caches.open.empty() || was_seeded(seeding.root)) {
    const std::string driver = seeding.seeded_driver();
    seeding.seen =
        with_flaws(std::move(seeding.seen), driver, seeding.root, seeding.caches, settings.verify);
  }
  return seeding;
}

seed::SeedPlan plan_for(const Seeding& seeding, const config::Settings& settings) {
  const store::StoreState& state = seeding.seen.state;
  return seed::make_plan({settings, seeding.driver, seeding.seen.facts,
                          state.of(seeding.driver.driver), state.of(seeding.seeded_driver()),
                          seeding.seen.receipt, seeding.caches.views});
}

void tell_decision(const Seeding& seeding, report::StatusBoard& board) {
  const seed::DriverChoice& driver = seeding.driver;
  log::info("image store: {} ({})", driver.store.is_containerd() ? "containerd" : "graph",
            driver.store.why);
  log::info("storage driver: {} ({})",
            driver.driver.empty() ? "the engine's choice" : driver.driver, driver.why);
  for (const seed::Refused& rung : driver.refused) {
    log::info("storage driver {} is not used: {}", rung.driver, rung.why);
  }
  for (const auto* warnings : {&driver.warnings, &seeding.plan.warnings}) {
    for (const std::string& warning : *warnings) {
      board.warn(warning);
    }
  }
}

// Removes what may not be seen as it is, where nothing is made anew. Returns the receipt without
// it.
Result<seed::Receipt> clear_flaws(const Seeding& seeding) {
  const Inspection& seen = seeding.seen;
  if (seeding.plan.removals.empty()) {
    return seen.receipt;
  }
  const std::string& driver = seeding.seeded_driver();
  return seed::clear_data_root(
      {.plan = seeding.plan, .state = seen.state.of(driver), .receipt = seen.receipt}, driver,
      seeding.root.dir);
}

// A failure to remove is told, and costs nothing else.
Seeding without_flaws(Seeding seeding, const config::Settings& settings,
                      report::StatusBoard& board) {
  auto receipt = clear_flaws(seeding);
  if (receipt) {
    seeding.seen.receipt = std::move(receipt).value();
  } else {
    seeding.failure =
        Reason{std::move(receipt).error().within("clear " + settings.data_root).describe()};
    board.warn(seeding.failure->why);
  }
  return seeding;
}

Result<seed::SeedReport> make_layers(const Seeding& seeding, const config::Settings& settings) {
  std::vector<const cache::Cache*> sources;
  for (const cache::Cache& cache : seeding.caches.open) {
    sources.push_back(&cache);
  }
  seed::SeedProgress progress;
  ProgressLine tell([&] {
    return fmt::format("seeding: {} of {} layers, {} files, {} MB", progress.layers_done,
                       progress.layers_in_all, progress.files.files.load(),
                       progress.files.bytes.load() / 1'000'000);
  });
  const Inspection& seen = seeding.seen;
  seed::Execution execution{.plan = seeding.plan,
                            .driver = seeding.driver.driver,
                            .caches = sources,
                            .state = seen.state.of(seeding.driver.driver),
                            .receipt = seen.receipt,
                            .boot_id = seen.boot_id,
                            .users = seeding.root.users,
                            .jobs = settings.seed_jobs > 0 ? settings.seed_jobs : seen.facts.cpus,
                            .share = share_method(seen.facts),
                            .deadline = std::nullopt,
                            // A signal that means stop ends the whole process.
                            .interrupted = [&tell] {
                              tell();
                              return false;
                            }};
  if (settings.seed_budget.count() > 0) {
    execution.deadline = std::chrono::steady_clock::now() + settings.seed_budget;
  }
  return seed::execute(execution, seeding.root.dir, progress);
}

// A volume may hold more than there is memory for, and dockerd starts without images.
template <typename Work>
auto in_memory(const std::string& doing, const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error(doing, ENOMEM);
  }
}

// Returns why not all images are there.
std::optional<Reason> seed_layers(const Seeding& seeding, const config::Settings& settings,
                                  report::StatusBoard& board) {
  board.begin("seed");
  board.enter(report::State::seeding);
  auto done = in_memory("make layers", [&] { return make_layers(seeding, settings); });
  if (!done) {
    publish_nothing(seeding.plan, seeding.caches, settings.seed, board);
    Reason failure{std::move(done).error().within("seed " + settings.data_root).describe()};
    board.status().reason = failure.why;
    return failure;
  }
  publish(*done, seeding.plan, seeding.driver, board);
  return seed::failure_of(*done);
}

Seeding carried_out(Seeding seeding, const config::Settings& settings, Mode mode,
                    report::StatusBoard& board) {
  using Kind = seed::SeedPlan::Kind;
  const Kind kind = seeding.plan.kind;
  if (kind != Kind::layers && mode != Mode::dry_run && !seeding.driver.refusal) {
    seeding = without_flaws(std::move(seeding), settings, board);
  }
  switch (kind) {
  case Kind::nothing:
    publish_nothing(seeding.plan, seeding.caches, settings.seed, board);
    break;
  case Kind::impossible:
    publish_nothing(seeding.plan, seeding.caches, settings.seed, board);
    seeding.failure = Reason{seeding.plan.why};
    break;
  case Kind::load: // by the caller, who starts the engine
    break;
  case Kind::layers:
    if (mode != Mode::dry_run) {
      if (auto failure = seed_layers(seeding, settings, board)) {
        seeding.failure = std::move(failure);
      }
    }
    break;
  }
  return seeding;
}

// A cold cache is slow, and dockerd knows better words for a bad data root.
Seeding cold(const Error& error, report::StatusBoard& board) {
  Seeding seeding;
  seeding.plan.why = error.describe();
  seeding.failure = Reason{seeding.plan.why};
  board.status().result = report::Outcome::cold;
  board.status().reason = seeding.plan.why;
  return seeding;
}

} // namespace

Result<Seeding> seed_data_root(const config::Settings& settings, Mode mode,
                               report::StatusBoard& board, const PlanListener& planned) {
  board.begin("probe");
  auto prepared = in_memory("look at " + settings.data_root,
                            [&] { return prepare_seeding(settings, mode, board); });
  if (!prepared) {
    return prepared.error().is(std::errc::device_or_resource_busy) ? std::move(prepared)
                                                                   : cold(prepared.error(), board);
  }
  Seeding seeding = std::move(prepared).value();
  seeding.failure = seeding.caches.failure;

  board.begin("plan");
  seeding.plan = plan_for(seeding, settings);
  tell_decision(seeding, board);
  if (planned) {
    planned(seeding.plan);
  }
  return carried_out(std::move(seeding), settings, mode, board);
}

} // namespace dind::boot
