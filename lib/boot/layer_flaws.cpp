#include <boot/layer_flaws.hpp>

#include <base/log.hpp>
#include <store/layer_check.hpp>

#include <fmt/format.h>

namespace dind::boot {
namespace {

void note(store::PresentLayer& layer, std::string flaw) {
  layer.reachable = false;
  layer.flaw = std::move(flaw);
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

Result<std::string> flaw_of(const Findings& found, const std::string& driver,
                            const store::DriverState& state, const Digest& chain_id) {
  const store::PresentLayer& layer = state.layers.at(chain_id);
  cache::Skeleton skeleton;
  if (!layer.borrowed_from.empty()) {
    skeleton = TRY(cache::read_skeleton_beside(layer.borrowed_from));
  }
  return store::find_flaw(found.data_root, driver, chain_id, state, skeleton, found.users);
}

// Returns whether every layer could be looked at.
bool check_after_reboot(const Findings& found, const std::string& driver,
                        store::DriverState& state) {
  std::size_t checked = 0;
  std::string unanswered;
  for (auto& [chain_id, layer] : state.layers) {
    if (!layer.ours || !layer.reachable) {
      continue;
    }
    ++checked;
    auto flaw = flaw_of(found, driver, state, chain_id);
    if (!flaw) {
      unanswered = std::move(flaw).error().within(layer.diff_id.short_hex()).describe();
    } else if (!flaw->empty()) {
      note(layer, "it did not outlive the last boot: " + *flaw);
    }
  }
  if (seed::has_full_trees(driver)) {
    spread_to_children(state);
  }
  if (checked > 0) {
    log::info("{} layers of an earlier boot of the kernel were checked", checked);
  }
  if (!unanswered.empty()) {
    log::warn("whether all layers outlived the last boot of the kernel is not known, and asked "
              "again at the next start: layer {}",
              unanswered);
  }
  return unanswered.empty();
}

// "" where a layer's tree is as it was baked, as far as canary and sentinels tell.
std::string damage_of(const seed::CacheView& view, const Digest& diff_id) {
  if (!view.canary.is_whole()) {
    return "its cache was damaged: " + view.canary.first();
  }
  const auto sentinels = view.sentinels.find(diff_id);
  if (sentinels == view.sentinels.end() || sentinels->second.is_whole()) {
    return "";
  }
  return "in its cache, " + sentinels->second.first();
}

void check_borrowed(const Findings& found, store::DriverState& state) {
  for (const std::string& refused : found.caches.refused) {
    for (auto& [chain_id, layer] : state.layers) {
      if (layer.reachable &&
          layer.borrowed_from == refused + "/" + cache::tree_dir(layer.diff_id)) {
        note(layer, "its cache is refused");
      }
    }
  }
  for (std::size_t c = 0; c < found.views.size(); ++c) {
    for (auto& [chain_id, layer] : state.layers) {
      std::string damage = damage_of(found.views[c], layer.diff_id);
      if (damage.empty()) {
        continue;
      }
      const auto tree = found.caches.open[c].path() / cache::tree_dir(layer.diff_id);
      if (layer.reachable && layer.borrowed_from == tree.native()) {
        note(layer, std::move(damage));
      }
    }
  }
}

} // namespace

void look_for_flaws(Findings& found) {
  const auto driver = found.state.drivers.find(found.seeded_driver());
  if (driver == found.state.drivers.end()) {
    return;
  }
  check_borrowed(found, driver->second);
  const bool is_known =
      found.receipt.boot_id == found.boot_id && found.receipt.driver == driver->first;
  if (!is_known && !check_after_reboot(found, driver->first, driver->second)) {
    found.boot_id = "unknown";
  }
}

} // namespace dind::boot
