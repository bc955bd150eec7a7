#include <boot/seed_status.hpp>

#include <base/log.hpp>

#include <algorithm>
#include <utility>

namespace dind::boot {
namespace {

// Those that status.json counts layers of, also where there are none.
std::vector<seed::Method> methods_of(seed::SeedPlan::Kind kind) {
  using enum seed::Method;
  return kind == seed::SeedPlan::Kind::load
             ? std::vector{load, present}
             : std::vector{link, reflink, hardlink, copy, native, present};
}

report::Outcome outcome_of(const seed::SeedReport& done) {
  if (done.images_missing.empty()) {
    return report::Outcome::ok;
  }
  return done.images > 0 ? report::Outcome::degraded : report::Outcome::cold;
}

} // namespace

void publish(const seed::SeedReport& done, const seed::SeedPlan& plan,
             const seed::DriverChoice& driver, report::StatusBoard& board) {
  for (const std::string& warning : done.warnings) {
    board.warn(warning);
  }
  report::Status& status = board.status();
  status.result = outcome_of(done);
  status.images = done.images;
  status.images_missing = done.images_missing;
  status.strategy = seed::name_of(seed::strategy_of(done));
  status.reason = driver.why;
  for (const seed::Method method : methods_of(plan.kind)) {
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
  log::info("seeded {} images, {} layers of {} bytes, mostly by {}; {} bytes were written",
            done.images, status.layers, status.bytes, status.strategy, done.bytes_written);
}

void publish_nothing(const seed::SeedPlan& plan, const Caches& caches, config::Strategy strategy,
                     report::StatusBoard& board) {
  const bool nothing_to_have = caches.open.empty() && !caches.failure;
  report::Status& status = board.status();
  status.result = strategy != config::Strategy::off && nothing_to_have ? report::Outcome::ok
                                                                       : report::Outcome::cold;
  status.reason = plan.why;
  for (const cache::Cache& cache : caches.open) {
    for (const cache::Image& image : cache.manifest().images) {
      status.images_missing.push_back(cache::label_of(image));
    }
  }
}

std::vector<std::string> images_there(const Caches& caches, const seed::SeedPlan& plan,
                                      const report::Status& status) {
  std::vector<std::string> there;
  const auto& missing = status.images_missing;
  for (const seed::ImageStep& step : plan.images) {
    std::string label = cache::label_of(caches.open[step.cache].manifest().images[step.image]);
    const bool is_missing = std::find(missing.begin(), missing.end(), label) != missing.end();
    if (step.fate != seed::ImageStep::Fate::unwanted && !is_missing) {
      there.push_back(std::move(label));
    }
  }
  return there;
}

} // namespace dind::boot
