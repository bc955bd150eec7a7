#include <host/doctor.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

namespace dind::host {
namespace {

struct Needed {
  unsigned bit;
  const char* name;
};
// linux/capability.h: without these dockerd does not start, or no container does.
constexpr std::array<Needed, 8> kNeeded = {{{0, "CHOWN"},
                                            {1, "DAC_OVERRIDE"},
                                            {6, "SETGID"},
                                            {7, "SETUID"},
                                            {12, "NET_ADMIN"},
                                            {18, "SYS_CHROOT"},
                                            {21, "SYS_ADMIN"},
                                            {27, "MKNOD"}}};

// dockerd's own pools of local networks: libnetwork/ipamutils.
constexpr std::array<const char*, 5> kEnginesPools = {
    "172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/14", "172.28.0.0/14"};
constexpr unsigned kEthernet = 1500;

std::string field(std::string_view status, std::string_view name) {
  std::size_t at = status.find(fmt::format("{}:\t", name));
  if (at == std::string_view::npos) {
    return "";
  }
  at += name.size() + 2;
  return std::string(status.substr(at, status.find('\n', at) - at));
}

Finding capabilities(const Symptoms& seen) {
  const std::string text = field(seen.process_status, "CapEff");
  std::uint64_t held = 0;
  std::from_chars(text.data(), text.data() + text.size(), held, 16);
  std::vector<std::string> missing;
  for (const Needed& needed : kNeeded) {
    if ((held >> needed.bit & 1U) == 0) {
      missing.emplace_back(needed.name);
    }
  }
  if (missing.empty()) {
    return {Grade::fine, "capabilities", "all that an engine needs"};
  }
  return {Grade::trouble, "capabilities",
          fmt::format("{} are missing: run it with --privileged, or privileged: true",
                      fmt::join(missing, ", "))};
}

Finding confinement(const Symptoms& seen) {
  const std::string profile = seen.attr_current.substr(0, seen.attr_current.find('\n'));
  if (profile.ends_with("(enforce)")) {
    return {Grade::trouble, "LSM",
            fmt::format("AppArmor confines this to {}, which denies mounts: "
                        "--security-opt apparmor=unconfined",
                        profile)};
  }
  if (profile.find(":container_t:") != std::string::npos) {
    return {Grade::trouble, "LSM",
            fmt::format("SELinux confines this to {}: --security-opt label=disable", profile)};
  }
  if (field(seen.process_status, "Seccomp") == "2") {
    return {Grade::note, "LSM",
            "a seccomp filter is in force; if calls fail with EPERM or ENOSYS: "
            "--security-opt seccomp=unconfined"};
  }
  return {Grade::fine, "LSM", profile.empty() ? "nothing confines this" : profile};
}

Finding one_of(const char* about, const std::optional<Reason>& trouble, Grade grade,
               const char* fine, const char* advice) {
  return trouble ? Finding{grade, about, fmt::format("{}: {}", trouble->why, advice)}
                 : Finding{Grade::fine, about, fine};
}

std::vector<std::string> nameservers(std::string_view resolv_conf) {
  std::vector<std::string> servers;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string word; lines >> word;) {
    if (word == "nameserver" && lines >> word) {
      servers.push_back(word);
    }
  }
  return servers;
}

Finding name_service(const Symptoms& seen) {
  const auto servers = nameservers(seen.resolv_conf);
  for (const std::string& server : servers) {
    if (server.starts_with("127.") || server == "::1") {
      return {Grade::note, "DNS",
              fmt::format("nameserver {} cannot be reached from inner containers, which get public "
                          "ones in its place: set DIND_DNS",
                          server)};
    }
    const auto address = parse_range(server + "/32");
    for (const char* pool : kEnginesPools) {
      if (seen.pools.empty() && address && parse_range(pool)->overlaps(*address)) {
        return {Grade::note, "DNS",
                fmt::format("nameserver {} lies in {}, out of which the engine cuts networks: set "
                            "DIND_DEFAULT_ADDRESS_POOLS",
                            server, pool)};
      }
    }
  }
  return {Grade::fine, "DNS", fmt::format("{}", fmt::join(servers, ", "))};
}

std::string text_of(const Range& range) {
  return fmt::format("{}.{}.{}.{}/{}", range.base >> 24U, range.base >> 16U & 255U,
                     range.base >> 8U & 255U, range.base & 255U, range.bits);
}

// What the user chose must not hide what there is a way to; dockerd looks out by itself
// for what it chooses.
Finding addresses(const Symptoms& seen) {
  const auto routes = parse_routes(seen.routes);
  std::string text = seen.pools;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ',' || c == ';' || c == '='; }, ' ');
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto pool = parse_range(word);
    for (const Range& route : routes) {
      if (pool && pool->overlaps(route)) {
        return {Grade::trouble, "addresses",
                fmt::format("{} of the engine's networks hides the route to {}: choose another in "
                            "DIND_BIP or DIND_DEFAULT_ADDRESS_POOLS",
                            word, text_of(route))};
      }
    }
  }
  return {Grade::fine, "addresses", "no route is hidden by the engine's networks"};
}

Finding packet_size(const Symptoms& seen) {
  if (!seen.mtu) {
    return {Grade::note, "MTU", "there is no way out: images cannot be pulled"};
  }
  const unsigned inner = seen.own_mtu.value_or(std::min(*seen.mtu, kEthernet));
  if (inner > *seen.mtu) {
    return {Grade::trouble, "MTU",
            fmt::format("DIND_MTU={} is more than the {} of the way out: downloads will hang",
                        inner, *seen.mtu)};
  }
  return {Grade::fine, "MTU", fmt::format("{} on the way out", *seen.mtu)};
}

} // namespace

bool Range::overlaps(const Range& other) const {
  const unsigned common = std::min(bits, other.bits);
  return common == 0 || (base ^ other.base) >> (32 - common) == 0;
}

std::optional<Range> parse_range(std::string_view text) {
  Range range;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int i = 0; i < 4; ++i) {
    unsigned part = 0;
    const auto read = std::from_chars(at, end, part);
    const char behind = i < 3 ? '.' : '/';
    if (read.ec != std::errc() || part > 255 || read.ptr == end || *read.ptr != behind) {
      return std::nullopt;
    }
    range.base = range.base << 8U | part;
    at = read.ptr + 1;
  }
  const auto read = std::from_chars(at, end, range.bits);
  if (read.ec != std::errc() || read.ptr != end || range.bits > 32) {
    return std::nullopt;
  }
  return range;
}

// "eth0 000011AC 00000000 0001 0 0 0 0000FFFF ...": addresses in the byte order of the
// network, printed as numbers of this little-endian host.
std::vector<Range> parse_routes(std::string_view routes) {
  std::vector<Range> found;
  std::istringstream lines{std::string(routes)};
  std::string line;
  std::getline(lines, line); // the heading
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string device;
    std::string skipped;
    std::string target;
    std::string mask;
    words >> device >> target >> skipped >> skipped >> skipped >> skipped >> skipped >> mask;
    std::uint32_t base = 0;
    std::uint32_t bits = 0;
    std::from_chars(target.data(), target.data() + target.size(), base, 16);
    std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
    const bool is_engines = device.starts_with("docker") || device.starts_with("br-");
    if (bits != 0 && !is_engines) {
      found.push_back({__builtin_bswap32(base), static_cast<unsigned>(__builtin_popcount(bits))});
    }
  }
  return found;
}

std::vector<Finding> judge(const Symptoms& seen) {
  std::vector<Finding> findings = {
      capabilities(seen),
      confinement(seen),
      one_of("cgroup", seen.cgroup_trouble, Grade::trouble, "cgroups can be made",
             "mount /sys/fs/cgroup writable, as --privileged does"),
      one_of("overlay", seen.overlay_trouble, Grade::note, "can be mounted in the data root",
             "dindctl probe tells what is used in its place"),
      one_of("iptables", seen.iptables_trouble, Grade::trouble, "works",
             "load ip_tables or nf_tables on the host, or give dockerd --iptables=false"),
      one_of("ip6tables", seen.ip6tables_trouble, Grade::note, "works",
             "inner networks have no IPv6"),
      one_of("fuse", seen.fuse_trouble, Grade::note, "/dev/fuse is there",
             "fuse-overlayfs needs it, and layers of the containerd store are copied without"),
      one_of("loop", seen.loop_trouble, Grade::note, "/dev/loop-control is there",
             "only a loop-mounted data root needs it"),
      name_service(seen),
      addresses(seen),
      packet_size(seen)};
  if (seen.wants_nftables) {
    findings.push_back(one_of("nftables", seen.nftables_trouble, Grade::trouble, "works",
                              "DIND_FIREWALL_BACKEND=iptables does without"));
  }
  return findings;
}

} // namespace dind::host
