#include <boot/seeding.hpp>

#include <base/log.hpp>
#include <boot/caches.hpp>
#include <host/probe.hpp>
#include <seed/executor.hpp>
#include <store/layout.hpp>
#include <store/state.hpp>
#include <sys/file.hpp>

#include <array>

namespace dind::boot {
namespace {

constexpr mode_t kDataRootMode = 0710; // what dockerd gives it

// All that the plan is made from.
struct Findings {
  Caches caches;
  store::StoreState state;
  host::HostFacts facts;
  std::vector<seed::CacheView> views;
  Fd data_root; // only if something may have to be written to it
};

Result<Fd> open_data_root(const std::string& path) {
  TRY(sys::make_dirs(path, kDataRootMode));
  Fd root = TRY(sys::open_dir(path));
  const std::string own = store::kOwnDir;
  TRY(sys::ensure_dir_at({root, own}, 0700));
  return root;
}

Result<Findings> find_out(const Wishes& wishes) {
  Findings found;
  if (wishes.seed != SeedWish::off) {
    found.caches = open_caches(wishes);
  }
  found.state = TRY(store::read_state(wishes.data_root).within(wishes.data_root));
  if (found.caches.open.empty() && wishes.allowed_drivers.empty()) {
    return found; // nothing to decide
  }
  found.data_root = TRY(open_data_root(wishes.data_root));
  host::ProbeRequest request{.scratch_parent = store::kOwnDir};
  for (const cache::Cache& cache : found.caches.open) {
    found.views.push_back(TRY(view_of(cache, wishes.verify)));
    request.samples.push_back((cache.path() / cache::kCanaryName).native());
  }
  request.named_drivers = found.state.prior_drivers;
  request.named_drivers.insert(request.named_drivers.end(), wishes.allowed_drivers.begin(),
                               wishes.allowed_drivers.end());
  request.named_drivers.insert(request.named_drivers.end(),
                               {wishes.required_driver, wishes.preferred_driver});
  found.facts = TRY(host::probe(found.data_root, request));
  return found;
}

void report_cold(const Findings& found, const seed::SeedPlan& plan, bool wanted, Status& status) {
  const bool nothing_to_have = found.caches.open.empty() && found.caches.failure.empty();
  status.result = wanted && nothing_to_have ? Outcome::ok : Outcome::cold;
  status.reason = plan.cold_why;
  for (const cache::Cache& cache : found.caches.open) {
    for (const cache::Image& image : cache.manifest().images) {
      status.images_missing.push_back(seed::label_of(image));
    }
  }
}

void report(const seed::SeedReport& done, const seed::DriverChoice& driver, Status& status) {
  constexpr std::array kMethods = {seed::Method::link, seed::Method::copy, seed::Method::native,
                                   seed::Method::present};
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
  }
  status.bytes_written = done.bytes_written;
  status.files_written = done.files_written;
  const bool all = done.images_missing.empty();
  status.result = all ? Outcome::ok : done.images > 0 ? Outcome::degraded : Outcome::cold;
  log::info("seeded {} images, {} layers of {} bytes, mostly by {}; {} bytes were written",
            done.images, status.layers, status.bytes, status.strategy, done.bytes_written);
}

} // namespace

Result<Seeding> seed_data_root(const Wishes& wishes, StatusBoard& board,
                               const std::function<bool()>& stopped) {
  board.begin("probe");
  const Findings found = TRY(find_out(wishes));
  if (stopped()) {
    return Error("probe", ECANCELED);
  }

  board.begin("plan");
  const bool has_cache = !found.caches.open.empty();
  Seeding seeding{.driver = seed::choose_driver(wishes, found.facts, found.state, has_cache),
                  .failure = found.caches.failure};
  const seed::SeedPlan plan =
      seed::make_plan(wishes, seeding.driver, found.facts, found.state, found.views);
  log::info("storage driver: {} ({})",
            seeding.driver.driver.empty() ? "the engine's choice" : seeding.driver.driver,
            seeding.driver.why);
  for (const std::string& warning : plan.warnings) {
    board.warn(warning);
  }
  if (!plan.cold_why.empty() || !seeding.driver.refusal.empty()) {
    report_cold(found, plan, wishes.seed != SeedWish::off, board.status());
    if (plan.is_error) {
      seeding.failure = plan.cold_why;
    }
    return seeding;
  }

  board.begin("seed");
  board.enter(State::seeding);
  std::vector<const cache::Cache*> sources;
  for (const cache::Cache& cache : found.caches.open) {
    sources.push_back(&cache);
  }
  const auto done = seed::execute(plan, found.data_root, sources, found.state, stopped);
  if (!done && done.error().is(std::errc::operation_canceled)) {
    return done.error();
  }
  if (!done) {
    report_cold(found, plan, true, board.status());
    seeding.failure = Error(done.error()).within("seed " + wishes.data_root).describe();
    return seeding;
  }
  for (const std::string& warning : done->warnings) {
    board.warn(warning);
  }
  if (!done->images_missing.empty()) {
    seeding.failure = fmt::format("{} images are missing; {}", done->images_missing.size(),
                                  done->warnings.front());
  }
  report(*done, seeding.driver, board.status());
  return seeding;
}

} // namespace dind::boot
