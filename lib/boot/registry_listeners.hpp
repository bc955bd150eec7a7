#pragma once

#include <base/result.hpp>
#include <daemon/daemon_json.hpp>
#include <daemon/listeners.hpp>
#include <config/settings.hpp>
#include <supervise/registry_server.hpp>

namespace dind::boot {

// Binds what the registry listens at, so that a port that is taken is known before anything is
// done, and listens: clients that come early wait for the process that serves them. Says who can
// pull images if that is more than this container. An error tells people what is in the way, which
// may be the API's own listener, one of `api`.
Result<supervise::RegistryPlan> claim_registry(const config::Registry& registry,
                                               const daemon::DaemonFile& file,
                                               const daemon::ListenerPlan& api);

} // namespace dind::boot
