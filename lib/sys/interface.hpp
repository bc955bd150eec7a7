#pragma once

#include <base/result.hpp>

#include <string>

namespace dind::sys {

// The IPv4 address of a network interface, "172.17.0.1". ENODEV if there is no such interface,
// EADDRNOTAVAIL if it has none.
Result<std::string> address_of_interface(const std::string& name);

} // namespace dind::sys
