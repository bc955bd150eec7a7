#include <boot/inspection.hpp>

#include <cache/canary.hpp>
#include <host/probe.hpp>
#include <store/layout.hpp>
#include <sys/boot_id.hpp>
#include <sys/file.hpp>

#include <fmt/format.h>

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

} // namespace

Result<Inspection> inspect(const DataRoot& root, const Caches& caches,
                           const config::Settings& settings) {
  Inspection seen;
  seen.state = TRY(store::read_state(root.path).within(root.path));
  if (!caches.open.empty() || !settings.allowed_drivers.empty()) {
    seen.facts =
        TRY(host::probe(root.dir, questions(root, caches, settings, seen.state.prior_drivers)));
    if (root.shift_unknown) {
      seen.facts.shifted_owners = host::Fact{false, root.shift_unknown->why};
    }
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
