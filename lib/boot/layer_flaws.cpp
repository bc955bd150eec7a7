#include <boot/layer_flaws.hpp>

#include <base/log.hpp>
#include <base/utf8.hpp>
#include <cache/copy_check.hpp>
#include <host/scratch.hpp>
#include <seed/driver.hpp>
#include <store/layer_check.hpp>
#include <store/layout.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace dind::boot {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

// For layers of an earlier boot of the kernel, all in all: what a volume has of files and of
// nothing can take hours to read. Those that are left are asked again at the next start.
constexpr auto kPatience = std::chrono::seconds(30);

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

// The first of today's caches that has a layer.
const cache::Cache* cache_with(const Caches& caches, const Digest& diff_id) {
  const auto found =
      std::find_if(caches.open.begin(), caches.open.end(), [&](const cache::Cache& cache) {
        return cache.manifest().find(diff_id) != nullptr;
      });
  return found == caches.open.end() ? nullptr : &*found;
}

// What caches know of a layer: today's, if they are not damaged, or the one that it is borrowed
// from.
Result<store::LayerTruth> truth_of(const Caches& caches, const store::PresentLayer& layer) {
  store::LayerTruth truth;
  if (const cache::Cache* cache = cache_with(caches, layer.diff_id)) {
    auto skeleton = cache->read_skeleton(layer.diff_id);
    auto tar_split = cache->open_tar_split(layer.diff_id);
    if (skeleton && tar_split) {
      truth.skeleton = std::move(skeleton).value();
      truth.tar_split = std::move(tar_split).value();
      return truth;
    }
  }
  if (const auto other = cache::cache_of(layer.borrowed_from, layer.diff_id)) {
    const Fd root = TRY(sys::open_dir(*other));
    truth.skeleton = TRY(cache::read_skeleton(root, layer.diff_id));
  }
  return truth;
}

Result<std::optional<Reason>> flaw_of(const DataRoot& root, const std::string& driver,
                                      const Caches& caches, const store::DriverState& state,
                                      const Digest& chain_id, store::Doubt doubt,
                                      Deadline deadline) {
  const store::LayerTruth truth = TRY(truth_of(caches, state.layers.at(chain_id)));
  return store::find_flaw({.data_root = root.dir,
                           .driver = driver,
                           .state = state,
                           .users = root.users,
                           .doubt = doubt,
                           .deadline = deadline},
                          chain_id, truth);
}

// Returns whether every layer could be looked at.
bool check_after_reboot(const DataRoot& root, const std::string& driver, const Caches& caches,
                        store::DriverState& state) {
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  std::size_t checked = 0;
  std::string unanswered;
  for (auto& [chain_id, layer] : state.layers) {
    if (!layer.ours || !layer.reachable) {
      continue;
    }
    ++checked;
    auto flaw = flaw_of(root, driver, caches, state, chain_id, store::Doubt::power_cut, deadline);
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

bool is_same_dir(const Result<Fd>& one, const Result<Fd>& other) {
  const auto a = one ? sys::stat_of(*one) : one.error();
  const auto b = other ? sys::stat_of(*other) : other.error();
  return a && b && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool is_within(const sys::fs::path& path, const sys::fs::path& dir) {
  return path == dir || path.native().starts_with(dir.native() + "/");
}

// Whether a link leads to the layer's tree in a cache: in one of today's, if they have the layer,
// and else in any outside of the data root.
bool leads_to_cache(const store::PresentLayer& layer, const DataRoot& root, const Caches& caches) {
  const sys::fs::path tree = layer.borrowed_from;
  bool is_cached = false;
  for (const cache::Cache& cache : caches.open) {
    if (!cache.manifest().find(layer.diff_id)) {
      continue;
    }
    is_cached = true;
    if (cache::is_tree_of(tree, cache.path(), layer.diff_id) ||
        is_same_dir(sys::open_dir(tree), cache.open_tree(layer.diff_id))) {
      return true;
    }
  }
  const auto other = cache::cache_of(tree, layer.diff_id);
  const auto place = other ? sys::canonical_path(*other) : Error("find its cache");
  const auto own = host::real_path(root.dir);
  return !is_cached && place && own && !is_within(*place, *own);
}

// Engines name a layer's directory by 64 random hex digits (moby pkg/stringid).
bool is_engines_name(const std::string& cache_id) {
  return static_cast<bool>(Digest::from_hex(cache_id));
}

// A job can write what it likes into a data root. What a cache of today has is not to be had from
// any other place under that layer's name.
void check_planted(const std::string& driver, const DataRoot& root, const Caches& caches,
                   config::Verify verify, store::DriverState& state) {
  const bool has_cache_ids = driver != store::kOverlayfs;
  for (auto& [chain_id, layer] : state.layers) {
    if (!layer.reachable) {
      continue;
    }
    if (!layer.borrowed_from.empty() && !leads_to_cache(layer, root, caches)) {
      note(layer, fmt::format("it leads to {}, which is not its tree in a cache",
                              printable(layer.borrowed_from)));
    } else if (has_cache_ids && !layer.ours && cache_with(caches, layer.diff_id)) {
      if (!is_engines_name(layer.cache_id)) {
        note(layer, "its directory has a name that neither an engine nor seeding gives");
      } else if (verify == config::Verify::full) {
        note(layer, "an engine has made it, and DIND_VERIFY=full proves what caches hold");
      }
    }
  }
}

cache::Beside beside_files(const std::string& driver, const DataRoot& root) {
  if (seed::has_full_trees(driver) || root.users.shift || root.users.in_namespace) {
    return cache::Beside::other_layers;
  }
  return driver == store::kOverlayfs ? cache::Beside::marks_and_implied : cache::Beside::marks;
}

// What is wrong with the layout, the marks or the content of a layer that a cache of today has.
Result<std::optional<Reason>> changed(const DataRoot& root, const std::string& driver,
                                      const Caches& caches, const store::DriverState& state,
                                      const Digest& chain_id) {
  auto flaw =
      TRY(flaw_of(root, driver, caches, state, chain_id, store::Doubt::job, Deadline::max()));
  const store::PresentLayer& layer = state.layers.at(chain_id);
  if (flaw || !layer.borrowed_from.empty()) {
    return flaw;
  }
  const Fd files = TRY(store::open_files(root.dir, driver, layer));
  const auto found = TRY(cache::check_copy(*cache_with(caches, layer.diff_id), layer.diff_id, files,
                                           beside_files(driver, root)));
  if (!found) {
    return std::optional<Reason>();
  }
  const std::string where = found->path.empty() ? "" : printable(found->path) + ": ";
  return std::optional(Reason{where + found->what});
}

// What is not proved is made anew.
void check_content(const std::string& driver, const DataRoot& root, const Caches& caches,
                   store::DriverState& state) {
  for (auto& [chain_id, layer] : state.layers) {
    if (!layer.ours || !layer.reachable || !cache_with(caches, layer.diff_id)) {
      continue;
    }
    const auto flaw = changed(root, driver, caches, state, chain_id);
    if (!flaw) {
      note(layer, flaw.error().describe());
    } else if (*flaw) {
      note(layer, (*flaw)->why);
    }
  }
}

} // namespace

Inspection with_flaws(Inspection seen, const std::string& driver, const DataRoot& root,
                      const Caches& caches, config::Verify verify) {
  const auto found = seen.state.drivers.find(driver);
  if (found == seen.state.drivers.end()) {
    return seen;
  }
  check_borrowed(caches, found->second);
  check_planted(driver, root, caches, verify, found->second);
  if (verify == config::Verify::full) {
    check_content(driver, root, caches, found->second);
  }
  const bool is_known = seen.receipt.boot_id == seen.boot_id && seen.receipt.driver == driver;
  if (!is_known && !check_after_reboot(root, driver, caches, found->second)) {
    seen.boot_id = seed::kUnchecked;
  }
  return seen;
}

} // namespace dind::boot
