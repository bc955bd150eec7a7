#include <boot/engine_settings.hpp>

#include <daemon/convenience.hpp>
#include <daemon/daemon_keys.hpp>
#include <host/uplink.hpp>
#include <sys/spawn.hpp>

#include <fmt/format.h>

#include <cstdlib>

namespace dind::boot {
namespace {

constexpr unsigned long kFirstWithContainerdStore = 29;

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

json::object engine_settings(const EngineWishes& wishes, const daemon::CommandLine& flags,
                             const daemon::DaemonFile& file) {
  const bool is_theirs = flags.has("mtu") || has(file.settings, "mtu");
  daemon::NetworkFacts facts;
  facts.uplink_mtu = is_theirs ? std::nullopt : host::uplink_mtu();
  if (!is_theirs && daemon::choose_mtu(wishes, facts.uplink_mtu)) {
    facts.engine_has_network_opts = daemon::help_has_key(dockerd_help(), "default-network-opts");
  }
  return daemon::settings_of(wishes, facts);
}

std::string store_warning(const Wishes& wishes, const daemon::EngineChoice& choice,
                          bool had_layers_before, const std::string& engine_version) {
  const bool is_our_doing =
      wishes.store == StoreWish::automatic && choice.containerd_snapshotter == false;
  if (!is_our_doing || had_layers_before ||
      std::strtoul(engine_version.c_str(), nullptr, 10) < kFirstWithContainerdStore) {
    return "";
  }
  return fmt::format("engine {} keeps images with the graph driver {}, and not in its containerd "
                     "store, for which the cache has no blobs: DIND_STORE=graph says that this is "
                     "meant, DIND_STORE=containerd asks for the other",
                     engine_version, choice.driver);
}

} // namespace dind::boot
