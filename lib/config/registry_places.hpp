#pragma once

#include <config/settings.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dind::config {

// "127.0.0.1:5000", "[::1]:5000".
std::string host_and_port(const std::string& ip, std::uint16_t port);

// The addresses that the registry listens at from the start on: loopback in any case, for dockerd
// takes a mirror without TLS from nowhere else. None where it is off.
std::vector<std::string> registry_addresses(const Registry& registry);

// By which processes of the container's own network reach it, "127.0.0.1:5000"; "" where it is off.
std::string registry_host(const Registry& registry);

// Whether others than this container's own processes reach the address.
bool is_beyond_loopback(const std::string& ip);

} // namespace dind::config
