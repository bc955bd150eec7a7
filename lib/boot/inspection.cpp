#include <boot/inspection.hpp>

#include <cache/canary.hpp>
#include <host/engine_version.hpp>
#include <host/probe.hpp>
#include <host/surroundings.hpp>
#include <seed/store_choice.hpp>
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

// An engine that says nothing by its file is asked where the store depends on it.
seed::StoreChoice choose_store(const config::Settings& settings, const store::StoreState& state,
                               host::EngineVersion& engine) {
  auto choice = seed::choose_store(settings, state, engine);
  if (!choice) {
    engine = host::VersionQuestion().answer();
    choice = seed::choose_store(settings, state, engine);
  }
  return std::move(choice).value_or(seed::StoreChoice());
}

// What can be had from the host, where something depends on it.
Result<host::HostFacts> facts_for(const DataRoot& root, const Caches& caches,
                                  const config::Settings& settings,
                                  const std::vector<std::string>& prior_drivers) {
  const bool is_asked_for = !caches.open.empty() || !settings.allowed_drivers.empty();
  if (!is_asked_for && host::can_hold_overlays(root.filesystem) &&
      !host::path_obstacle(root.path)) { // and nothing is written
    host::HostFacts facts;
    facts.data_root_filesystem = root.filesystem;
    facts.overlay = facts.d_type = {true, "the data root is on " + root.filesystem};
    return facts;
  }
  host::HostFacts facts =
      TRY(host::probe(root.dir, questions(root, caches, settings, prior_drivers)));
  if (root.shift_unknown) {
    facts.shifted_owners = host::Fact{false, root.shift_unknown->why};
  }
  return facts;
}

} // namespace

Result<Inspection> inspect(const DataRoot& root, const Caches& caches,
                           const config::Settings& settings) {
  Inspection seen;
  seen.state = TRY(store::read_state(root.path).within(root.path));
  host::EngineVersion engine = host::version_by_file();
  const seed::StoreChoice store = choose_store(settings, seen.state, engine);
  std::optional<host::VersionQuestion> question;
  if (store.is_containerd()) {
    if (!engine.is_at_least(host::kFirstWithContainerdStore) && !caches.open.empty()) {
      question.emplace();
    }
    seen.state = containerd::with_containerd_store(std::move(seen.state), root.path);
  }
  seen.facts = TRY(facts_for(root, caches, settings, seen.state.prior_drivers));
  seen.facts.engine = question ? question->answer() : engine;
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
