#include <boot/layer_flaws.hpp>

#include <base/log.hpp>
#include <seed/driver.hpp>
#include <store/layer_check.hpp>

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace dind::boot {
namespace {

void note(store::PresentLayer& layer, std::string flaw) {
  layer.reachable = false;
  layer.flaw = Reason{std::move(flaw)};
}

// Full trees share files with their parents': what those have lost, these lack as well, though
// their own tar does not tell of it.
void spread_to_children(store::DriverState& state) {
  for (auto& [chain_id, layer] : state.layers) {
    auto above = layer.ours && layer.parent ? state.layers.find(*layer.parent) : state.layers.end();
    while (above != state.layers.end() && layer.reachable) {
      const store::PresentLayer& parent = above->second;
      if (!parent.reachable) {
        note(layer, "the layer below it is not whole");
      }
      above = parent.parent ? state.layers.find(*parent.parent) : state.layers.end();
    }
  }
}

Result<std::optional<Reason>> flaw_of(const DataRoot& root, const std::string& driver,
                                      const store::DriverState& state, const Digest& chain_id) {
  const store::PresentLayer& layer = state.layers.at(chain_id);
  cache::Skeleton skeleton;
  if (!layer.borrowed_from.empty()) {
    skeleton = TRY(cache::read_skeleton_beside(layer.borrowed_from));
  }
  return store::find_flaw(root.dir, driver, chain_id, state, skeleton, root.users);
}

// Returns whether every layer could be looked at.
bool check_after_reboot(const DataRoot& root, const std::string& driver,
                        store::DriverState& state) {
  std::size_t checked = 0;
  std::string unanswered;
  for (auto& [chain_id, layer] : state.layers) {
    if (!layer.ours || !layer.reachable) {
      continue;
    }
    ++checked;
    auto flaw = flaw_of(root, driver, state, chain_id);
    if (!flaw) {
      unanswered = std::move(flaw).error().within(layer.diff_id.short_hex()).describe();
    } else if (*flaw) {
      note(layer, "it did not outlive the last boot: " + (*flaw)->why);
    }
  }
  if (seed::has_full_trees(driver)) {
    spread_to_children(state);
  }
  if (checked > 0) {
    log::info("{} layers of an earlier boot of the kernel were checked", checked);
  }
  if (!unanswered.empty()) {
    log::warn("the machine was started anew, and not every layer could be checked for losses; the "
              "next start tries again: layer {}",
              unanswered);
  }
  return unanswered.empty();
}

// What canary and sentinels tell of a layer's tree.
std::optional<Reason> damage_of(const seed::CacheView& view, const Digest& diff_id) {
  if (!view.canary.is_whole()) {
    return Reason{"its cache was damaged: " + view.canary.first()};
  }
  const auto sentinels = view.sentinels.find(diff_id);
  if (sentinels == view.sentinels.end() || sentinels->second.is_whole()) {
    return std::nullopt;
  }
  return Reason{"in its cache, " + sentinels->second.first()};
}

void check_borrowed(const Caches& caches, store::DriverState& state) {
  for (const std::string& refused : caches.refused) {
    for (auto& [chain_id, layer] : state.layers) {
      if (layer.reachable && cache::is_tree_of(layer.borrowed_from, refused, layer.diff_id)) {
        note(layer, "its cache is refused");
      }
    }
  }
  for (std::size_t c = 0; c < caches.views.size(); ++c) {
    for (auto& [chain_id, layer] : state.layers) {
      auto damage = damage_of(caches.views[c], layer.diff_id);
      if (!damage) {
        continue;
      }
      const auto& cache = caches.open[c].path();
      if (layer.reachable && cache::is_tree_of(layer.borrowed_from, cache, layer.diff_id)) {
        note(layer, std::move(damage)->why);
      }
    }
  }
}

} // namespace

Inspection with_flaws(Inspection seen, const std::string& driver, const DataRoot& root,
                      const Caches& caches) {
  const auto found = seen.state.drivers.find(driver);
  if (found == seen.state.drivers.end()) {
    return seen;
  }
  check_borrowed(caches, found->second);
  const bool is_known = seen.receipt.boot_id == seen.boot_id && seen.receipt.driver == driver;
  if (!is_known && !check_after_reboot(root, driver, found->second)) {
    seen.boot_id = seed::kUnchecked;
  }
  return seen;
}

} // namespace dind::boot
