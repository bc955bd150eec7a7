#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dind::host {

// The interface of the default route, by the text of /proc/net/route; "" if there is none.
// Of several, the one with the lowest metric.
std::string default_interface(std::string_view routes);

// The MTU of the interface that leads out of this container; nullopt if none does.
std::optional<unsigned> uplink_mtu();

} // namespace dind::host
