#include "registry_lines.hpp"

#include <fmt/format.h>

#include <map>

namespace dind::ctl {
namespace {

using Registries = std::set<std::string>;
using Lines = std::string (*)(const std::string& host, const Registries& registries);

std::string for_buildkitd(const std::string& host, const Registries& registries) {
  std::string lines = "# buildkitd.toml\n";
  for (const std::string& registry : registries) {
    lines += fmt::format("[registry.\"{}\"]\n  mirrors = [\"{}\"]\n", registry, host);
  }
  return lines + fmt::format("[registry.\"{}\"]\n  http = true\n", host);
}

// Of all registries at once: containerd says which one it means (`?ns=`).
std::string for_containerd(const std::string& host, const Registries& /*registries*/) {
  return fmt::format("# /etc/containerd/certs.d/_default/hosts.toml, with config_path = "
                     "\"/etc/containerd/certs.d\"\n"
                     "[host.\"http://{}\"]\n  capabilities = [\"pull\", \"resolve\"]\n",
                     host);
}

std::string for_kind(const std::string& host, const Registries& registries) {
  std::string lines = "# kind create cluster --config FILE, with this in\n"
                      "# /etc/kind-certs.d/_default/hosts.toml:\n";
  const std::string hosts = for_containerd(host, registries);
  for (std::size_t at = hosts.find('\n') + 1; at < hosts.size();) {
    const std::size_t end = hosts.find('\n', at);
    lines += "#   " + hosts.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return lines + R"(kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
  - |-
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "/etc/containerd/certs.d"
nodes:
  - role: control-plane
    extraMounts:
      - hostPath: /etc/kind-certs.d
        containerPath: /etc/containerd/certs.d
)";
}

std::string for_k3d(const std::string& host, const Registries& registries) {
  std::string lines = "# k3d cluster create --registry-config FILE\nmirrors:\n";
  for (const std::string& registry : registries) {
    lines += fmt::format("  \"{}\":\n    endpoint:\n      - \"http://{}\"\n", registry, host);
  }
  return lines;
}

// It does not say which registry it means, but in the name.
std::string for_podman(const std::string& host, const Registries& registries) {
  std::string lines = "# /etc/containers/registries.conf.d/dind.conf\n";
  for (const std::string& registry : registries) {
    const std::string below = registry == "docker.io" ? "" : "/" + registry;
    lines += fmt::format("[[registry]]\nlocation = \"{}\"\n"
                         "[[registry.mirror]]\nlocation = \"{}{}\"\ninsecure = true\n",
                         registry, host, below);
  }
  return lines;
}

const std::map<std::string, Lines>& table() {
  static const std::map<std::string, Lines> kTable = {{"buildkitd", for_buildkitd},
                                                      {"containerd", for_containerd},
                                                      {"kind", for_kind},
                                                      {"k3d", for_k3d},
                                                      {"podman", for_podman}};
  return kTable;
}

} // namespace

const std::vector<std::string>& configured_programs() {
  static const std::vector<std::string> kPrograms = {"buildkitd", "containerd", "kind", "k3d",
                                                     "podman"};
  return kPrograms;
}

std::string registry_lines(const std::string& program, const std::string& host,
                           const std::set<std::string>& registries) {
  return table().at(program)(host, registries);
}

} // namespace dind::ctl
