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

std::optional<unsigned> choose_mtu(const EngineWishes& wishes, std::optional<unsigned> uplink) {
  if (wishes.mtu > 0) {
    return wishes.mtu;
  }
  return uplink && *uplink < kUsualMtu ? uplink : std::nullopt;
}

json::object settings_of(const EngineWishes& wishes, const NetworkFacts& facts) {
  json::object settings;
  add_list(settings, "registry-mirrors", wishes.registry_mirrors);
  add_list(settings, "insecure-registries", wishes.insecure_registries);
  add_list(settings, "dns", wishes.dns);
  if (!wishes.bip.empty()) {
    settings["bip"] = wishes.bip;
  }
  if (!wishes.address_pools.empty()) {
    json::array pools;
    for (const AddressPool& pool : wishes.address_pools) {
      pools.push_back(json::object({{"base", pool.base}, {"size", pool.size}}));
    }
    settings["default-address-pools"] = std::move(pools);
  }
  if (const auto mtu = choose_mtu(wishes, facts.uplink_mtu)) {
    settings["mtu"] = *mtu;
    if (facts.engine_has_network_opts) {
      const json::object bridge = {{"com.docker.network.driver.mtu", std::to_string(*mtu)}};
      settings["default-network-opts"] = json::object({{"bridge", bridge}});
    }
  }
  return settings;
}

} // namespace dind::daemon
