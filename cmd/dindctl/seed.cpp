#include "failure.hpp"
#include "settings.hpp"
#include "show_line.hpp"
#include "verbs.hpp"

#include <base/log.hpp>
#include <boot/seeding.hpp>
#include <host/cpus.hpp>
#include <seed/executor.hpp>
#include <seed/leftovers.hpp>
#include <seed/materialise.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

namespace dind::ctl {
namespace {

constexpr std::string_view kSeedVerb = "seed";
constexpr const char* kSeedFooter =
    R"(Puts the images of the caches (DIND_CACHE_DIR, /var/lib/dind-cache) into a data root
that no daemon uses, as dind-init does before it starts dockerd, and by the same
variables (DIND_SEED, DIND_STORAGE_DRIVER, DIND_SEED_JOBS, ...). dockerd's flags and
daemon.json, --userns-remap among them, are not looked at. It mounts nothing, so a data
root that needs a loop device is for dind-init alone. Killed at any moment, it finishes
the next time.

--dry-run prints, for every layer and image, what would be done and why, and does
nothing but probe the host.

--materialise copies what is borrowed from a cache into the volume, so that the volume
can go back to the stock image, or live on without the cache. dockerd may run meanwhile.

Examples:
  dindctl seed --data-root /mnt/volume
  dindctl seed --dry-run
  dindctl seed --materialise

Exit codes:
  0   done: every image is there
  1   some images are not there
  64  usage, and values of variables
  65  the data root's state cannot be understood
  74  the system refused: no room, no permission)";

struct SeedArguments {
  std::string data_root;
  bool dry_run = false;
  bool materialise = false;
};

void print_removals(const boot::Seeding& seeding) {
  const auto& layers = seeding.seen.state.of(seeding.seeded_driver()).layers;
  const auto& going = seeding.plan.removals.layers;
  for (const Digest& chain_id : going) {
    const store::PresentLayer& layer = layers.at(chain_id);
    show_line("remove  layer {}  {}", layer.diff_id.short_hex(),
              layer.reachable ? "it stands on one that goes" : seed::why_stale(layer));
  }
  for (const Digest& chain_id : seeding.plan.removals.files) {
    if (std::find(going.begin(), going.end(), chain_id) != going.end()) {
      continue;
    }
    const store::PresentLayer& layer = layers.at(chain_id);
    show_line("empty   layer {}  {}", layer.diff_id.short_hex(), seed::why_stale(layer));
  }
}

struct Told {
  std::string_view what;
  std::string why; // of what is not done
};

Told told(const seed::ImageStep& step, seed::SeedPlan::Kind kind) {
  if (step.missing) {
    return {"missing", step.missing->why};
  }
  switch (step.fate) {
  case seed::ImageStep::Fate::unwanted:
    return {"unwanted", "the user removed it, and DIND_RESEED=no"};
  case seed::ImageStep::Fate::present:
    return {"present", ""};
  case seed::ImageStep::Fate::seed:
    break;
  }
  return {kind == seed::SeedPlan::Kind::load ? "load" : "seed", ""};
}

void print_plan(const boot::Seeding& seeding) {
  const seed::DriverChoice& driver = seeding.driver;
  show_line("driver  {}  {}", driver.driver.empty() ? "(the engine's choice)" : driver.driver,
            driver.why);
  if (driver.on_loop) {
    show_line("        the data root would be put on a loop device, and the host be probed again");
  }
  for (const seed::Refused& rung : driver.refused) {
    show_line("  not   {}  {}", rung.driver, rung.why);
  }
  print_removals(seeding);
  if (seeding.plan.kind == seed::SeedPlan::Kind::nothing ||
      seeding.plan.kind == seed::SeedPlan::Kind::impossible) {
    show_line("nothing would be seeded: {}", seeding.plan.why);
    return;
  }
  for (const seed::LayerStep& step : seeding.plan.layers) {
    show_line("{:<9}layer {}  {}", seed::name_of(step.method), step.diff_id.short_hex(), step.why);
  }
  for (const seed::ImageStep& step : seeding.plan.images) {
    const cache::Image& image = seeding.caches.open[step.cache].manifest().images[step.image];
    const auto [what, why] = told(step, seeding.plan.kind);
    show_line("{:<9}image {}  {}", what, cache::label_of(image), why);
  }
}

int run_materialise(const config::Settings& settings) {
  const auto state = seed::read_living_state(settings.data_root);
  if (!state) {
    return fail(kSeedVerb, state.error());
  }
  const auto root = sys::open_dir(settings.data_root);
  if (!root) {
    return fail(kSeedVerb, root.error());
  }
  int exit_code = kDone;
  if (state->containerd_refused) {
    note(kSeedVerb, state->containerd_refused->why);
    exit_code = kDoesNotHold;
  }
  std::size_t borrowed = 0;
  for (const auto& [driver, found] : state->drivers) {
    std::set<Digest> layers;
    for (const auto& [chain_id, layer] : found.layers) {
      layers.insert(chain_id);
    }
    clone::CloneProgress progress;
    const auto report =
        seed::materialise({.driver = driver,
                           .state = found,
                           .layers = layers,
                           .jobs = settings.seed_jobs > 0 ? settings.seed_jobs : host::count_cpus(),
                           .interrupted = []() { return false; }},
                          *root, progress);
    if (!report) {
      return fail(kSeedVerb, report.error());
    }
    if (!report->done.empty()) {
      show_line("{}: {} of {} layers were borrowed and are the volume's own now, {} bytes", driver,
                report->done.size(), layers.size(), progress.bytes.load());
    }
    borrowed += report->done.size() + report->failed.size();
    for (const std::string& failure : report->failed) {
      note(kSeedVerb, failure);
      exit_code = kDoesNotHold;
    }
  }
  if (borrowed == 0) {
    show_line("no layer in {} is borrowed", settings.data_root);
  }
  return exit_code;
}

int run_seed(const SeedArguments& arguments) {
  const auto settings = settings_of_environment(arguments.data_root);
  if (!settings) {
    return fail_usage(kSeedVerb, settings.error());
  }
  if (arguments.materialise) {
    return run_materialise(*settings);
  }
  log::set_level(settings->log_level);
  report::StatusBoard board;
  const auto mode = arguments.dry_run ? boot::Mode::dry_run : boot::Mode::seed_only;
  const auto seeding = boot::seed_data_root(*settings, mode, board);
  if (!seeding) {
    return fail(kSeedVerb, seeding.error());
  }
  if (const auto& refusal = seeding->driver.refusal) {
    note(kSeedVerb, refusal->why);
    return kDoesNotHold;
  }
  if (arguments.dry_run) {
    print_plan(*seeding);
  } else if (seeding->plan.kind == seed::SeedPlan::Kind::load) {
    note(kSeedVerb,
         "these images have to be loaded by an engine, which dind-init does when it boots");
    return kDoesNotHold;
  }
  if (seeding->failure) {
    note(kSeedVerb, seeding->failure->why);
    return kDoesNotHold;
  }
  return kDone;
}

} // namespace

void add_seed(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<SeedArguments>();
  CLI::App* verb = app.add_subcommand(
      "seed", "puts the images of the caches into a data root, without a daemon");
  verb->add_option("--data-root", arguments->data_root, "the data root")
      ->type_name("DIR")
      ->default_str("/var/lib/docker");
  CLI::Option* dry_run = verb->add_flag("--dry-run", arguments->dry_run,
                                        "say what would be done, and why; not with --materialise");
  verb->add_flag("--materialise", arguments->materialise,
                 "give borrowed layers files of their own, and seed nothing")
      ->excludes(dry_run);
  verb->footer(kSeedFooter);
  verb->callback([arguments, &exit_code] { exit_code = run_seed(*arguments); });
}

} // namespace dind::ctl
