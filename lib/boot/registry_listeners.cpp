#include <boot/registry_listeners.hpp>

#include <base/log.hpp>
#include <sys/listen.hpp>
#include <config/registry_places.hpp>

#include <utility>

namespace dind::boot {
namespace {

constexpr const char* kUsualBridge = "docker0";

std::string bridge_in(const daemon::DaemonFile& file) {
  const auto named = json::Fields(file.settings).text_or_none("bridge");
  return named && !named->empty() ? *named : kUsualBridge; // dockerd refuses what is no text
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
                                               const daemon::DaemonFile& file) {
  supervise::RegistryPlan plan;
  for (const std::string& ip : config::registry_addresses(registry)) {
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
