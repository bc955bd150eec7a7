#include <boot/registry_listeners.hpp>

#include <base/log.hpp>
#include <sys/listen.hpp>
#include <config/registry_places.hpp>

#include <algorithm>
#include <utility>

namespace dind::boot {
namespace {

constexpr const char* kUsualBridge = "docker0";

std::string bridge_in(const daemon::DaemonFile& file) {
  const auto named = json::Fields(file.settings).text_or_none("bridge");
  return named && !named->empty() ? *named : kUsualBridge; // dockerd refuses what is no text
}

bool is_ipv6(const std::string& ip) {
  return ip.find(':') != std::string::npos;
}

bool is_every_address(const std::string& ip) {
  return ip == "0.0.0.0" || ip == "::";
}

bool overlap(const daemon::HostAddress& api, const std::string& ip, std::uint16_t port) {
  const bool is_same_family = is_ipv6(api.ip) == is_ipv6(ip);
  const bool has_same_ip = api.ip == ip || is_every_address(api.ip) || is_every_address(ip);
  return api.is_tcp() && api.port == port &&
         (api.is_dual_stack() || (is_same_family && has_same_ip));
}

// The kernel lets two sockets have one address as long as neither listens. It would refuse the
// API's, later, and the user would be told to move that.
Result<void> keep_off(const daemon::ListenerPlan& api, const std::string& ip, std::uint16_t port) {
  const auto taken =
      std::find_if(api.bound.begin(), api.bound.end(),
                   [&](const daemon::HostAddress& at) { return overlap(at, ip, port); });
  if (taken == api.bound.end()) {
    return {};
  }
  return input_error("DIND_REGISTRY has port {} on {}, where the API listens ({}): name another "
                     "port, as in DIND_REGISTRY=loopback:PORT",
                     port, ip, taken->text);
}

Result<Fd> claim(const std::string& ip, std::uint16_t port) {
  auto bound = sys::bind_tcp(ip, port);
  if (!bound && bound.error().is(std::errc::address_in_use)) {
    return input_error("the registry's port {} is taken on {}: end what listens there, or name "
                       "another by DIND_REGISTRY",
                       port, ip);
  }
  if (!bound) {
    return std::move(bound).error().within("DIND_REGISTRY");
  }
  TRY(sys::start_listening(*bound));
  return bound;
}

} // namespace

Result<supervise::RegistryPlan> claim_registry(const config::Registry& registry,
                                               const daemon::DaemonFile& file,
                                               const daemon::ListenerPlan& api) {
  supervise::RegistryPlan plan;
  for (const std::string& ip : config::registry_addresses(registry)) {
    TRY(keep_off(api, ip, registry.port));
    plan.listeners.push_back(TRY(claim(ip, registry.port)));
    if (config::is_beyond_loopback(ip)) {
      log::info("registry: all that reach {} can pull images of the caches, without a password",
                config::host_and_port(ip, registry.port));
    }
  }
  if (registry.reach == config::Registry::Reach::bridge) {
    plan.bridge = bridge_in(file);
    plan.port = registry.port;
  }
  return plan;
}

} // namespace dind::boot
