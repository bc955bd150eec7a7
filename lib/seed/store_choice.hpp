#pragma once

#include <host/engine_version.hpp>
#include <store/state.hpp>
#include <config/settings.hpp>

#include <optional>
#include <string>

namespace dind::seed {

// Where dockerd will keep images.
struct StoreChoice {
  enum class Kind { graph, containerd };
  enum class By { user, data_root, engine }; // who decided

  Kind kind = Kind::graph;
  By by = By::engine;
  std::string why;

  bool is_containerd() const { return kind == Kind::containerd; }
};

// What the user says, by the store's name or by a storage driver's; else what the data root holds;
// else what dockerd does by itself. nullopt: only the last decides, and `engine` does not tell.
std::optional<StoreChoice> choose_store(const config::Settings& settings,
                                        const store::StoreState& state,
                                        const host::EngineVersion& engine);

// What a storage driver is called in that store: overlay2 is the graph driver, overlayfs the
// snapshotter for the same filesystem, and so are vfs and native.
std::string name_in(StoreChoice::Kind store, const std::string& driver);

} // namespace dind::seed
