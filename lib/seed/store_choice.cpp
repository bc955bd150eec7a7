#include <seed/store_choice.hpp>

#include <store/layout.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace dind::seed {
namespace {

using Kind = StoreChoice::Kind;
using By = StoreChoice::By;

// What the graph store calls a driver, and what the containerd store calls the same.
constexpr std::array<std::pair<const char*, const char*>, 2> kBothNames = {
    {{store::kOverlay2, store::kOverlayfs}, {store::kVfs, store::kNative}}};

// Those that engine 29 has. It takes other names for snapshotters'.
constexpr std::array<const char*, 5> kGraphDrivers = {store::kOverlay2, store::kFuseOverlayfs,
                                                      store::kBtrfs, "zfs", store::kVfs};

// The store in which there is a driver of this name; btrfs and zfs count as dockerd counts them.
std::optional<Kind> store_of(const std::string& driver) {
  if (std::find(kGraphDrivers.begin(), kGraphDrivers.end(), driver) != kGraphDrivers.end()) {
    return Kind::graph;
  }
  const bool is_snapshotter =
      std::any_of(kBothNames.begin(), kBothNames.end(),
                  [&](const auto& names) { return driver == names.second; });
  return is_snapshotter ? std::optional(Kind::containerd) : std::nullopt;
}

std::optional<StoreChoice> by_driver(const std::string& driver, std::string_view how,
                                     const host::EngineVersion& engine) {
  const auto kind = store_of(driver);
  if (!kind) {
    return std::nullopt;
  }
  if (kind == Kind::containerd && engine.is_at_least(host::kFirstWithContainerdStore) == false) {
    return StoreChoice{Kind::graph, By::user,
                       fmt::format("engine {} has graph drivers alone", engine.newest)};
  }
  return StoreChoice{*kind, By::user, fmt::format("{} is {}", driver, how)};
}

} // namespace

std::optional<StoreChoice> choose_store(const config::Settings& settings,
                                        const store::StoreState& state,
                                        const host::EngineVersion& engine) {
  if (settings.store == config::Store::containerd) {
    return StoreChoice{Kind::containerd, By::user, "the containerd image store was asked for"};
  }
  if (settings.store == config::Store::graph) {
    return StoreChoice{Kind::graph, By::user, "the graph store was asked for"};
  }
  if (auto choice = by_driver(settings.required_driver, "required", engine)) {
    return choice;
  }
  // dockerd 29, too, looks for layers of graph drivers first.
  if (!state.prior_drivers.empty() || !state.of(store::kVfs).images.empty()) {
    return StoreChoice{Kind::graph, By::data_root, "the data root holds layers of graph drivers"};
  }
  const auto by_default = engine.is_at_least(host::kFirstByContainerdStore);
  if (state.has_containerd_images) {
    return StoreChoice{Kind::containerd, by_default.value_or(false) ? By::engine : By::data_root,
                       "the data root holds images of the containerd store"};
  }
  if (auto choice = by_driver(settings.preferred_driver, "named by DOCKER_DRIVER", engine)) {
    return choice;
  }
  if (!settings.userns_remap.empty()) {
    return StoreChoice{Kind::graph, By::engine, "userns-remap needs graph drivers"};
  }
  if (!by_default) {
    return std::nullopt;
  }
  return *by_default ? StoreChoice{Kind::containerd, By::engine,
                                   "engine 29 and later keep images in the containerd store"}
                     : StoreChoice{Kind::graph, By::engine,
                                   "engines before 29 keep images with graph drivers"};
}

std::string name_in(StoreChoice::Kind store, const std::string& driver) {
  for (const auto& [graph, snapshotter] : kBothNames) {
    if (driver == graph || driver == snapshotter) {
      return store == Kind::graph ? graph : snapshotter;
    }
  }
  return driver;
}

} // namespace dind::seed
