#include <daemon/convenience.hpp>

#include <string>
#include <vector>

namespace dind::daemon {
namespace {

constexpr unsigned kUsualMtu = 1500;

void add_list(json::object& settings, std::string_view key, const std::vector<std::string>& items) {
  if (!items.empty()) {
    settings[key] = json::array(items.begin(), items.end());
  }
}

} // namespace

std::optional<unsigned> choose_mtu(const config::EngineSettings& settings,
                                   std::optional<unsigned> uplink) {
  if (settings.mtu > 0) {
    return settings.mtu;
  }
  return uplink && *uplink < kUsualMtu ? uplink : std::nullopt;
}

json::object settings_of(const config::EngineSettings& settings, const NetworkFacts& facts) {
  using config::FirewallBackend;
  json::object keys;
  if (settings.firewall_backend != FirewallBackend::automatic) {
    const bool is_nftables = settings.firewall_backend == FirewallBackend::nftables;
    keys["firewall-backend"] = is_nftables ? "nftables" : "iptables";
  }
  add_list(keys, "registry-mirrors", settings.registry_mirrors);
  add_list(keys, "insecure-registries", settings.insecure_registries);
  add_list(keys, "dns", settings.dns);
  if (!settings.bip.empty()) {
    keys["bip"] = settings.bip;
  }
  if (!settings.address_pools.empty()) {
    json::array pools;
    for (const config::AddressPool& pool : settings.address_pools) {
      pools.push_back(json::object({{"base", pool.base}, {"size", pool.size}}));
    }
    keys["default-address-pools"] = std::move(pools);
  }
  if (const auto mtu = choose_mtu(settings, facts.uplink_mtu)) {
    keys["mtu"] = *mtu;
    if (facts.engine_has_network_opts) {
      const json::object bridge = {{"com.docker.network.driver.mtu", std::to_string(*mtu)}};
      keys["default-network-opts"] = json::object({{"bridge", bridge}});
    }
  }
  return keys;
}

} // namespace dind::daemon
