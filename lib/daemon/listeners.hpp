#pragma once

#include <base/result.hpp>
#include <daemon/argv.hpp>
#include <daemon/daemon_json.hpp>
#include <daemon/host_address.hpp>
#include <config/settings.hpp>

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

// What decides about listeners.
struct ListenerRequest {
  std::span<const std::string> environment;
  const CommandLine& flags;
  const json::object& file;
  bool default_listeners = true; // not where the user wrote "dockerd ..." in full
  const config::EngineSettings& settings;
};

// Where dockerd will be reached, and who binds the sockets.
struct ListenerPlan {
  std::vector<HostAddress> bound;     // by this program, which hands them over as fd://
  bool moves_hosts = false;           // `arguments` stand for the user's --host and "hosts"
  std::vector<std::string> arguments; // of dockerd, before the user's
  std::string certificates;           // where keys and certificates are to be; "" = not ours
  std::string group;                  // of unix sockets: a name or a number; "" = our own
  std::string api;                    // path of the first unix socket; "" = there is none
  std::vector<std::string> warnings;
};

// Decides. The default listeners are the stock entrypoint's: a unix socket and TCP on port
// 2376 with TLS (DOCKER_TLS_CERTDIR) or 2375 without; one that the user names, too, is left to the
// user. Sockets are bound by this program unless DIND_ACTIVATE=off or the user names fd:// sockets;
// an address that is not understood is left to dockerd in any case. A daemon.json with TLS settings
// beside DOCKER_TLS_CERTDIR is an error.
Result<ListenerPlan> plan_listeners(const ListenerRequest& request);

// The group that `name` is in the text of an /etc/group, or that it is as a number.
std::optional<gid_t> find_group(std::string_view etc_group, std::string_view name);

// What dockerd gives its sockets to unless told otherwise, if there is such a group.
inline constexpr std::string_view kDefaultSocketGroup = "docker";

} // namespace dind::daemon
