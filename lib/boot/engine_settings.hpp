#pragma once

#include <daemon/argv.hpp>
#include <daemon/daemon_json.hpp>
#include <host/engine_version.hpp>
#include <config/settings.hpp>

#include <string>
#include <vector>

namespace dind::boot {

// What is wrong with the keys of dockerd's file, one line each. dockerd itself is asked about
// those that this program has never heard of, since it may be newer. It refuses to start with most
// of them; one that is the name of an option ("registry-mirror" for "registry-mirrors") it
// passes over in silence.
struct KeyFindings {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};
KeyFindings judge_keys(const daemon::DaemonFile& file);

// What the convenience variables and the uplink's MTU ask of daemon.json. dockerd is asked what it
// knows only where that matters.
json::object engine_settings(const config::EngineSettings& settings,
                             const daemon::CommandLine& flags, const daemon::DaemonFile& file);

// The firewall that dockerd can be told to use. Engines before 29 have iptables alone, and no
// setting for it: nftables is an input error there.
Result<config::FirewallBackend> firewall_backend(config::FirewallBackend wish,
                                                 const host::EngineVersion& engine);

} // namespace dind::boot
