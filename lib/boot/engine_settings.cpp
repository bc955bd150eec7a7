#include <boot/engine_settings.hpp>

#include <daemon/convenience.hpp>
#include <daemon/daemon_keys.hpp>
#include <host/uplink.hpp>
#include <sys/spawn.hpp>

#include <fmt/format.h>

namespace dind::boot {
namespace {

// dockerd's list of its options; "" if it cannot be run, which it will say itself when it is.
std::string dockerd_help() {
  auto answer = sys::run({"dockerd", "--help"});
  return answer && answer->status.code == 0 ? std::move(answer->output) : "";
}

bool has(const json::object& settings, std::string_view key) {
  const json::value* found = settings.if_contains(key);
  return found && !found->is_null();
}

} // namespace

KeyFindings judge_keys(const daemon::DaemonFile& file) {
  KeyFindings findings;
  const auto unknown = daemon::unknown_keys(file.settings);
  const std::string help = unknown.empty() ? "" : dockerd_help();
  for (const daemon::UnknownKey& key : unknown) {
    const bool is_option = daemon::help_has_key(help, key.key);
    const std::string meant = key.meant.empty() ? "" : fmt::format(": is \"{}\" meant?", key.meant);
    if (is_option && !meant.empty()) {
      findings.warnings.push_back(fmt::format("{}: \"{}\" has no effect, as far as is known{}",
                                              file.path.native(), key.key, meant));
    } else if (!is_option && !help.empty()) {
      findings.errors.push_back(fmt::format("{}: \"{}\" is not a setting of dockerd{}",
                                            file.path.native(), key.key, meant));
    }
  }
  return findings;
}

json::object engine_settings(const config::EngineSettings& settings,
                             const daemon::CommandLine& flags, const daemon::DaemonFile& file) {
  const bool is_theirs = flags.has("mtu") || has(file.settings, "mtu");
  daemon::NetworkFacts facts;
  facts.uplink_mtu = is_theirs ? std::nullopt : host::uplink_mtu();
  if (!is_theirs && daemon::choose_mtu(settings, facts.uplink_mtu)) {
    facts.engine_has_network_opts = daemon::help_has_key(dockerd_help(), "default-network-opts");
  }
  return daemon::settings_of(settings, facts);
}

Result<config::FirewallBackend> firewall_backend(config::FirewallBackend wish,
                                                 const host::EngineVersion& engine) {
  if (wish == config::FirewallBackend::automatic) {
    return wish;
  }
  const auto is_modern = engine.is_at_least(host::kFirstWithFirewallBackend);
  if (is_modern ? *is_modern : daemon::help_has_key(dockerd_help(), "firewall-backend")) {
    return wish;
  }
  if (wish == config::FirewallBackend::nftables) {
    return input_error("DIND_FIREWALL_BACKEND=nftables: engines before 29 have iptables alone");
  }
  return config::FirewallBackend::automatic;
}

} // namespace dind::boot
