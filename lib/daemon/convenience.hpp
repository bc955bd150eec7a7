#pragma once

#include <base/json.hpp>
#include <config/settings.hpp>

#include <optional>
#include <string_view>

namespace dind::daemon {

// What the networks of this container's engine should know of the one they lead into.
struct NetworkFacts {
  std::optional<unsigned> uplink_mtu;
  bool engine_has_network_opts = false; // "default-network-opts", from 24.0 on
};

// The MTU that the engine's networks shall have: the one asked for, or the uplink's if it is below
// the usual 1500, since packets that do not fit are lost without a word; nullopt leaves it to the
// engine.
std::optional<unsigned> choose_mtu(const config::EngineSettings& settings,
                                   std::optional<unsigned> uplink);

// The settings that convenience variables ask for, as keys of daemon.json. "mtu" is of the default
// network only; where the engine can, others get theirs as well.
json::object settings_of(const config::EngineSettings& settings, const NetworkFacts& facts);

} // namespace dind::daemon
