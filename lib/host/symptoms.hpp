#pragma once

#include <base/reason.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::host {

// What was looked at, so that it can be judged without a host. Texts are of files of that name,
// empty where there is none.
struct Symptoms {
  std::string process_status; // /proc/self/status
  std::string attr_current;   // /proc/self/attr/current: the profile of AppArmor or SELinux
  std::string resolv_conf;
  std::string routes; // /proc/net/route
  std::string pools;  // DIND_BIP and DIND_DEFAULT_ADDRESS_POOLS, as they were given
  std::optional<Reason> cgroup_trouble;   // why no cgroup can be made
  std::optional<Reason> iptables_trouble; // of IPv4: why `iptables -nL` does not work
  std::optional<Reason> ip6tables_trouble;
  bool wants_nftables = false;            // by DIND_FIREWALL_BACKEND
  std::optional<Reason> nftables_trouble; // where it is wanted
  std::optional<Reason> fuse_trouble;     // why /dev/fuse cannot be opened
  std::optional<Reason> loop_trouble;     // why /dev/loop-control cannot be opened
  std::optional<Reason> overlay_trouble;  // why no overlay can be mounted in the data root
  std::optional<unsigned> mtu;            // of the way out
  std::optional<unsigned> own_mtu;        // of DIND_MTU
};

// Looks. Makes and removes a cgroup and, in `data_root`, tries an overlay.
Symptoms examine(const std::string& data_root, const std::vector<std::string>& environment);

} // namespace dind::host
