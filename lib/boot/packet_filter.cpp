#include <boot/packet_filter.hpp>

#include <base/log.hpp>
#include <host/iptables.hpp>

namespace dind::boot {
namespace {

bool is_off(const json::object& file, std::string_view key) {
  const json::value* found = file.if_contains(key);
  return found && found->is_bool() && !found->get_bool();
}

bool is_nftables(const daemon::CommandLine& flags, const json::object& file) {
  const json::value* found = file.if_contains("firewall-backend");
  return flags.firewall_backend == "nftables" ||
         (found && found->is_string() && found->get_string() == "nftables");
}

} // namespace

FilterUse filter_use(const daemon::CommandLine& flags, const json::object& file) {
  if (is_nftables(flags, file)) {
    return {false, false}; // rules without the iptables programs
  }
  return {flags.iptables.value_or(!is_off(file, "iptables")),
          flags.ip6tables.value_or(!is_off(file, "ip6tables"))};
}

Environment prepare_packet_filter(FilterUse use, Environment environment,
                                  const fs::path& runtime_dir, report::StatusBoard& board) {
  if (!use.v4) {
    log::info("iptables: not looked at, since dockerd does without");
    return environment;
  }
  constexpr std::string_view kWish = "DOCKER_IPTABLES_LEGACY";
  std::optional<std::string> wish;
  if (is_set(environment, kWish)) {
    wish = find_variable(environment, kWish).value_or("");
  }
  const host::Iptables iptables = host::prepare_iptables(wish, runtime_dir);
  log::info("iptables: {} ({})", iptables.version.empty() ? "none" : iptables.version,
            iptables.choice.why);
  if (iptables.trouble) {
    board.warn("iptables does not work, and dockerd may refuse to start: " + iptables.trouble->why);
  }
  if (use.v6 && iptables.trouble_v6) {
    log::warn("ip6tables does not work, and networks with IPv6 will fail: {}",
              iptables.trouble_v6->why);
  }
  return iptables.legacy_dir.empty()
             ? environment
             : with_path_prefix(std::move(environment), iptables.legacy_dir);
}

} // namespace dind::boot
