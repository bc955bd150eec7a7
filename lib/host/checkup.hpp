#pragma once

#include <base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::host {

// What is wrong with a host, as far as an engine in a container is concerned. `trouble`
// will hurt; a `note` hurts some.
enum class Grade { fine, note, trouble };
struct Finding {
  Grade grade = Grade::fine;
  std::string about; // "capabilities"
  std::string says;  // what was seen and, if it is not fine, what to do
};

// What was looked at, so that it can be judged without a host. Texts are of files of that name,
// empty where there is none.
struct Symptoms {
  std::string process_status; // /proc/self/status
  std::string attr_current;   // /proc/self/attr/current: the profile of AppArmor or SELinux
  std::string resolv_conf;
  std::string routes;           // /proc/net/route
  std::string pools;            // DIND_BIP and DIND_DEFAULT_ADDRESS_POOLS, as they were given
  std::string cgroup_trouble;   // why no cgroup can be made; empty if one can
  std::string iptables_trouble; // of IPv4; empty if `iptables -nL` works
  std::string ip6tables_trouble;
  std::string fuse_trouble;        // why /dev/fuse cannot be opened
  std::string loop_trouble;        // why /dev/loop-control cannot be opened
  std::string overlay_trouble;     // why no overlay can be mounted in the data root
  std::optional<unsigned> mtu;     // of the way out
  std::optional<unsigned> own_mtu; // of DIND_MTU
};

// Looks. Makes and removes a cgroup and, in `data_root`, tries an overlay.
Symptoms examine(const std::string& data_root, const std::vector<std::string>& environment);

// One finding for each thing, in a fixed order.
std::vector<Finding> judge(const Symptoms& symptoms);

// An IPv4 range, "10.0.0.0/8".
struct Range {
  std::uint32_t base = 0;
  unsigned bits = 0;
  bool overlaps(const Range& other) const;
};
std::optional<Range> parse_range(std::string_view text);

// The networks that /proc/net/route leads to, without the default route and dockerd's own bridges.
std::vector<Range> parse_routes(std::string_view routes);

} // namespace dind::host
