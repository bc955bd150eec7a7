#include <daemon/daemon_keys.hpp>

#include <base/spelling.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace dind::daemon {
namespace {

// moby daemon/config/config.go and config_linux.go, from 20.10 to 29, with those that were
// taken out between; for these dockerd has words of its own.
constexpr std::string_view kKeys[] = {"allow-direct-routing",
                                      "allow-nondistributable-artifacts",
                                      "api-cors-header",
                                      "authorization-plugins",
                                      "bip",
                                      "bip6",
                                      "bridge",
                                      "bridge-accept-fwmark",
                                      "builder",
                                      "cdi-spec-dirs",
                                      "cgroup-parent",
                                      "cluster-advertise",
                                      "cluster-store",
                                      "cluster-store-opts",
                                      "containerd",
                                      "containerd-namespace",
                                      "containerd-plugin-namespace",
                                      "containerd-plugins-namespace",
                                      "cpu-rt-period",
                                      "cpu-rt-runtime",
                                      "cri-containerd",
                                      "data-root",
                                      "debug",
                                      "default-address-pools",
                                      "default-cgroupns-mode",
                                      "default-gateway",
                                      "default-gateway-v6",
                                      "default-init",
                                      "default-ipc-mode",
                                      "default-network-opts",
                                      "default-runtime",
                                      "default-shm-size",
                                      "default-ulimits",
                                      "deprecated-key-path",
                                      "disable-legacy-registry",
                                      "dns",
                                      "dns-opts",
                                      "dns-search",
                                      "exec-opts",
                                      "exec-root",
                                      "experimental",
                                      "features",
                                      "firewall-backend",
                                      "fixed-cidr",
                                      "fixed-cidr-v6",
                                      "graph",
                                      "group",
                                      "host-gateway-ip",
                                      "host-gateway-ips",
                                      "hosts",
                                      "http-proxy",
                                      "https-proxy",
                                      "icc",
                                      "init",
                                      "init-path",
                                      "insecure-registries",
                                      "ip",
                                      "ip-forward",
                                      "ip-forward-no-drop",
                                      "ip-masq",
                                      "ip6tables",
                                      "iptables",
                                      "ipv6",
                                      "labels",
                                      "live-restore",
                                      "log-driver",
                                      "log-format",
                                      "log-level",
                                      "log-opts",
                                      "max-concurrent-downloads",
                                      "max-concurrent-uploads",
                                      "max-download-attempts",
                                      "metrics-addr",
                                      "min-api-version",
                                      "mtu",
                                      "network-control-plane-mtu",
                                      "network-diagnostic-port",
                                      "no-new-privileges",
                                      "no-proxy",
                                      "node-generic-resources",
                                      "oom-score-adjust",
                                      "pidfile",
                                      "proxies",
                                      "raw-logs",
                                      "registry-mirrors",
                                      "resolv-conf",
                                      "rootless",
                                      "runtimes",
                                      "seccomp-profile",
                                      "selinux-enabled",
                                      "shutdown-timeout",
                                      "storage-driver",
                                      "storage-opts",
                                      "swarm-default-advertise-addr",
                                      "swarm-raft-election-tick",
                                      "swarm-raft-heartbeat-tick",
                                      "tls",
                                      "tlscacert",
                                      "tlscert",
                                      "tlskey",
                                      "tlsverify",
                                      "userland-proxy",
                                      "userland-proxy-path",
                                      "userns-remap"};

// Settings whose value is an object; the members of all others are settings themselves.
constexpr std::string_view kObjects[] = {"builder",  "cluster-store-opts",   "default-ulimits",
                                         "features", "default-network-opts", "log-opts",
                                         "runtimes"};

bool is_listed(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void judge(std::string_view key, std::vector<UnknownKey>& unknown) {
  constexpr std::size_t kNear = 3;
  if (!is_listed(kKeys, key)) {
    const std::size_t most = std::min(kNear, key.size() / 3 + 1);
    unknown.push_back({std::string(key), nearest_word(key, kKeys, most)});
  }
}

} // namespace

std::vector<UnknownKey> unknown_keys(const json::object& settings) {
  std::vector<UnknownKey> unknown;
  for (const auto& member : settings) {
    if (!member.value().is_object() || is_listed(kObjects, member.key())) {
      judge(member.key(), unknown);
      continue;
    }
    for (const auto& inner : member.value().get_object()) {
      judge(inner.key(), unknown);
    }
  }
  return unknown;
}

bool help_has_key(std::string_view help, std::string_view key) {
  const auto lists = [&](std::string_view option) {
    return help.find(fmt::format(" --{} ", option)) != std::string_view::npos;
  };
  // Lists have a plural in the file.
  return lists(key) || (key.ends_with('s') && lists(key.substr(0, key.size() - 1)));
}

} // namespace dind::daemon
