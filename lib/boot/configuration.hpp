#pragma once

#include <base/result.hpp>
#include <boot/options.hpp>
#include <daemon/daemon_json.hpp>
#include <daemon/listeners.hpp>
#include <daemon/rootless.hpp>
#include <config/settings.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::boot {

// What is to be done, by options and dockerd's file together.
struct Configuration {
  std::optional<daemon::RootlessPlaces> rootless; // inside of rootlesskit's namespaces
  daemon::DaemonFile file;
  config::Settings settings;
  daemon::ListenerPlan listeners;
  std::vector<std::string> warnings; // one line each
};

// An error is the user's (exit 64): options that contradict the file or each other, a file that is
// no JSON or that dockerd would refuse.
Result<Configuration> resolve(const Options& options);

} // namespace dind::boot
