#pragma once

#include <config/settings.hpp>

#include <optional>
#include <string_view>

namespace dind::config {

// Values of variables that are about networks and registries, judged as dockerd
// would judge them later: moby opts/opts.go, registry/config.go, opts/address_pools.go.
bool is_ip_address(std::string_view text); // of either family, without zone and brackets
bool is_cidr(std::string_view text);       // "172.30.0.1/16", of either family
bool is_registry(std::string_view text);   // "HOST", "HOST:PORT" or a CIDR; no scheme
bool is_mirror_url(std::string_view text); // http or https, without query and fragment

// "base=10.200.0.0/16,size=24", in any order.
std::optional<AddressPool> parse_address_pool(std::string_view text);

// "off", "loopback", "bridge", each of the latter with a ":PORT" if it is not to be 5000, or an IP
// address with its port, of IPv6 in brackets.
std::optional<Registry> parse_registry(std::string_view text);

} // namespace dind::config
