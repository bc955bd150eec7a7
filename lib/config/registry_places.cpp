#include <config/registry_places.hpp>

#include <fmt/format.h>

namespace dind::config {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

bool is_every_address(const std::string& ip) {
  return ip == "0.0.0.0" || ip == "::";
}

} // namespace

std::string host_and_port(const std::string& ip, std::uint16_t port) {
  return ip.find(':') == std::string::npos ? fmt::format("{}:{}", ip, port)
                                           : fmt::format("[{}]:{}", ip, port);
}

std::vector<std::string> registry_addresses(const Registry& registry) {
  switch (registry.reach) {
  case Registry::Reach::off:
    return {};
  case Registry::Reach::loopback:
  case Registry::Reach::bridge:
    return {kLoopback};
  case Registry::Reach::address:
    break;
  }
  const bool has_loopback = is_every_address(registry.ip) || !is_beyond_loopback(registry.ip);
  return has_loopback ? std::vector<std::string>{registry.ip}
                      : std::vector<std::string>{kLoopback, registry.ip};
}

std::string registry_host(const Registry& registry) {
  const auto addresses = registry_addresses(registry);
  if (addresses.empty()) {
    return "";
  }
  const std::string& first = addresses.front();
  return host_and_port(is_every_address(first) ? kLoopback : first, registry.port);
}

bool is_beyond_loopback(const std::string& ip) {
  return !ip.starts_with("127.") && ip != "::1";
}

} // namespace dind::config
