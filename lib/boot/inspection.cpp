#include <boot/inspection.hpp>

#include <boot/engine_version.hpp>
#include <cache/canary.hpp>
#include <host/probe.hpp>
#include <store/layout.hpp>
#include <sys/boot_id.hpp>
#include <sys/file.hpp>
#include <containerd/store_state.hpp>

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

namespace dind::boot {
namespace {

host::ProbeRequest questions(const DataRoot& root, const Caches& caches,
                             const config::Settings& settings,
                             const std::vector<std::string>& prior_drivers) {
  host::ProbeRequest request{.scratch_parent = has_own_dir(root) ? store::kOwnDir : "."};
  request.ids = root.users.shift;
  for (const cache::Cache& cache : caches.open) {
    request.samples.push_back((cache.path() / cache::kCanaryName).native());
  }
  request.named_drivers = prior_drivers;
  request.named_drivers.insert(request.named_drivers.end(), settings.allowed_drivers.begin(),
                               settings.allowed_drivers.end());
  request.named_drivers.insert(request.named_drivers.end(),
                               {settings.required_driver, settings.preferred_driver});
  return request;
}

// Whether images are, or are to be, in the containerd store.
bool is_for_containerd(const config::Settings& settings, const store::StoreState& state) {
  return settings.store == config::Store::containerd ||
         (settings.store == config::Store::automatic && state.has_containerd_images &&
          state.prior_drivers.empty());
}

// Engines before 24 pass over the setting, and keep images with a graph driver.
std::optional<Reason> too_old(EngineVersion& engine) {
  constexpr unsigned long kFirst = 24;
  const auto major = engine.major();
  if (!major) {
    return Reason{"which engine there is could not be found out: dockerd --version"};
  }
  return *major < kFirst
             ? std::optional(Reason{fmt::format("engine {} has no containerd image store", *major)})
             : std::nullopt;
}

} // namespace

Result<Inspection> inspect(const DataRoot& root, const Caches& caches,
                           const config::Settings& settings) {
  Inspection seen;
  seen.state = TRY(store::read_state(root.path).within(root.path));
  const bool for_containerd = is_for_containerd(settings, seen.state);
  std::optional<EngineVersion> engine;
  if (for_containerd && !seen.state.has_containerd_images && !caches.open.empty()) {
    engine.emplace();
  }
  if (for_containerd) {
    seen.state = containerd::with_containerd_store(std::move(seen.state), root.path);
  }
  if (!caches.open.empty() || !settings.allowed_drivers.empty()) {
    seen.facts =
        TRY(host::probe(root.dir, questions(root, caches, settings, seen.state.prior_drivers)));
    if (root.shift_unknown) {
      seen.facts.shifted_owners = host::Fact{false, root.shift_unknown->why};
    }
  }
  if (engine && !seen.state.containerd_refused) {
    seen.state.containerd_refused = too_old(*engine);
  }
  if (!caches.open.empty() || was_seeded(root)) {
    seen.boot_id = TRY(sys::kernel_boot_id());
    const auto own_dir = sys::open_dir(fmt::format("{}/{}", root.path, store::kOwnDir));
    if (own_dir) {
      seen.receipt = TRY(seed::read_receipt(*own_dir));
    }
  }
  return seen;
}

} // namespace dind::boot
