#include <boot/seeding.hpp>

#include <base/log.hpp>
#include <seed/clearing.hpp>
#include <seed/executor.hpp>

#include <algorithm>
#include <array>
#include <chrono>

namespace dind::boot {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSeedLineEvery = std::chrono::seconds(5);

void report_cold(const Findings& found, const seed::SeedPlan& plan, bool wanted,
                 report::Status& status) {
  const bool nothing_to_have = found.caches.open.empty() && found.caches.failure.empty();
  status.result = wanted && nothing_to_have ? report::Outcome::ok : report::Outcome::cold;
  status.reason = plan.cold_why;
  for (const cache::Cache& cache : found.caches.open) {
    for (const cache::Image& image : cache.manifest().images) {
      status.images_missing.push_back(cache::label_of(image));
    }
  }
}

void report(const seed::SeedReport& done, const seed::DriverChoice& driver,
            report::Status& status) {
  constexpr std::array kMethods = {seed::Method::link,     seed::Method::reflink,
                                   seed::Method::hardlink, seed::Method::copy,
                                   seed::Method::native,   seed::Method::present};
  status.images = done.images;
  status.images_missing = done.images_missing;
  status.strategy = seed::name_of(seed::strategy_of(done));
  status.reason = driver.why;
  for (const seed::Method method : kMethods) {
    const auto layers = done.layers.find(method);
    const std::uint64_t count = layers == done.layers.end() ? 0 : layers->second;
    status.layers_by_method.emplace_back(seed::name_of(method), count);
    status.layers += count;
  }
  for (const auto& [method, bytes] : done.bytes) {
    status.bytes += bytes;
    status.bytes_by_method.emplace_back(seed::name_of(method), bytes);
  }
  status.bytes_written = done.bytes_written;
  status.files_written = done.files_written;
  const bool all = done.images_missing.empty();
  status.result = all               ? report::Outcome::ok
                  : done.images > 0 ? report::Outcome::degraded
                                    : report::Outcome::cold;
  log::info("seeded {} images, {} layers of {} bytes, mostly by {}; {} bytes were written",
            done.images, status.layers, status.bytes, status.strategy, done.bytes_written);
}

// Tells of the progress when who works asks whether to go on. Nothing is to interrupt it: a
// signal that means stop ends the whole process.
class Watch {
public:
  explicit Watch(const seed::SeedProgress& progress) : progress_(progress) {}

  bool operator()() {
    if (Clock::now() >= next_) {
      next_ = Clock::now() + kSeedLineEvery;
      log::info("seeding: {} of {} layers, {} files, {} MB", progress_.layers_done,
                progress_.layers_in_all, progress_.files.files.load(),
                progress_.files.bytes.load() / 1'000'000);
    }
    return false;
  }

private:
  const seed::SeedProgress& progress_;
  Clock::time_point next_ = Clock::now() + kSeedLineEvery;
};

clone::CloneMethod share_method(const host::HostFacts& facts) {
  return facts.hardlink.holds  ? clone::CloneMethod::hardlink
         : facts.reflink.holds ? clone::CloneMethod::reflink
                               : clone::CloneMethod::copy;
}

Result<seed::SeedReport> carry_out(const config::Settings& settings, const Seeding& seeding) {
  const Findings& found = seeding.found;
  std::vector<const cache::Cache*> sources;
  for (const cache::Cache& cache : found.caches.open) {
    sources.push_back(&cache);
  }
  seed::SeedProgress progress;
  seed::Execution execution{.plan = seeding.plan,
                            .driver = found.driver.driver,
                            .caches = sources,
                            .state = found.state.of(found.driver.driver),
                            .receipt = found.receipt,
                            .boot_id = found.boot_id,
                            .users = found.users,
                            .jobs = settings.seed_jobs > 0 ? settings.seed_jobs : found.facts.cpus,
                            .share = share_method(found.facts),
                            .deadline = std::nullopt,
                            .interrupted = Watch(progress)};
  if (settings.seed_budget.count() > 0) {
    execution.deadline = Clock::now() + settings.seed_budget;
  }
  return seed::execute(execution, found.data_root, progress);
}

// What may not be seen as it is, where nothing is made anew.
Result<void> clear_flaws(Seeding& seeding) {
  Findings& found = seeding.found;
  if (seeding.plan.removals.empty()) {
    return {};
  }
  const std::string& driver = found.seeded_driver();
  found.receipt = TRY(seed::clear_data_root(
      {.plan = seeding.plan, .state = found.state.of(driver), .receipt = found.receipt}, driver,
      found.data_root));
  return {};
}

void tell_decision(const Findings& found, const seed::SeedPlan& plan, report::StatusBoard& board) {
  const seed::DriverChoice& driver = found.driver;
  log::info("storage driver: {} ({})",
            driver.driver.empty() ? "the engine's choice" : driver.driver, driver.why);
  for (const seed::Refused& rung : driver.refused) {
    log::info("not {}: {}", rung.driver, rung.why);
  }
  for (const auto* warnings : {&driver.warnings, &plan.warnings}) {
    for (const std::string& warning : *warnings) {
      board.warn(warning);
    }
  }
}

} // namespace

std::vector<std::string> images_there(const Seeding& seeding, const report::Status& status) {
  std::vector<std::string> there;
  const auto& missing = status.images_missing;
  for (const seed::ImageStep& step : seeding.plan.images) {
    const cache::Cache& cache = seeding.found.caches.open[step.cache];
    std::string label = cache::label_of(cache.manifest().images[step.image]);
    const bool is_missing = std::find(missing.begin(), missing.end(), label) != missing.end();
    if (!step.unwanted && !is_missing) {
      there.push_back(std::move(label));
    }
  }
  return there;
}

Result<Seeding> seed_data_root(const config::Settings& settings, Mode mode,
                               report::StatusBoard& board, const PlanListener& planned) {
  board.begin("probe");
  Seeding seeding;
  auto looked = find_out(settings, mode, board);
  if (!looked && looked.error().is(std::errc::device_or_resource_busy)) {
    return std::move(looked).error();
  }
  if (!looked) { // a cold cache is slow, and dockerd knows better words for a bad data root
    seeding.failure = std::move(looked).error().describe();
    seeding.plan.cold_why = seeding.failure;
    board.status().result = report::Outcome::cold;
    board.status().reason = seeding.failure;
    return seeding;
  }
  seeding.found = std::move(looked).value();
  const Findings& found = seeding.found;
  seeding.failure = found.caches.failure;

  board.begin("plan");
  seeding.plan = seed::make_plan(found.plan_input(settings));
  tell_decision(found, seeding.plan, board);
  if (planned) {
    planned(seeding.plan);
  }
  const bool makes_layers = seeding.plan.cold_why.empty() && !seeding.plan.by_load;
  if (!makes_layers && mode != Mode::dry_run && found.driver.refusal.empty()) {
    if (auto cleared = clear_flaws(seeding); !cleared) {
      seeding.failure = std::move(cleared).error().within("clear " + settings.data_root).describe();
      board.warn(seeding.failure);
    }
  }
  if (!seeding.plan.cold_why.empty() || !found.driver.refusal.empty()) {
    report_cold(found, seeding.plan, settings.seed != config::Strategy::off, board.status());
    if (seeding.plan.is_error) {
      seeding.failure = seeding.plan.cold_why;
    }
    return seeding;
  }
  if (seeding.plan.by_load || mode == Mode::dry_run) {
    return seeding;
  }

  board.begin("seed");
  board.enter(report::State::seeding);
  const auto done = carry_out(settings, seeding);
  if (!done) {
    report_cold(found, seeding.plan, true, board.status());
    seeding.failure = Error(done.error()).within("seed " + settings.data_root).describe();
    return seeding;
  }
  for (const std::string& warning : done->warnings) {
    board.warn(warning);
  }
  if (!done->images_missing.empty()) {
    const std::size_t missing = done->images_missing.size();
    seeding.failure = missing == 1
                          ? done->why_missing
                          : fmt::format("{} images are missing; {}", missing, done->why_missing);
  }
  report(*done, found.driver, board.status());
  return seeding;
}

} // namespace dind::boot
