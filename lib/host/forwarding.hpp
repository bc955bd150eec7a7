#pragma once

#include <base/reason.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <optional>

namespace dind::host {

namespace fs = boost::filesystem;

// Has this network namespace forward packets, IPv4 and, where there is IPv6, that, too. dockerd
// does so by itself for iptables. For nftables it refuses to start where it is off (moby
// drivers/bridge/setup_ip_forwarding.go). A namespace that has a device of the host's, such as the
// host's own, is left alone, since nothing there would drop what is not dockerd's: an error, if
// forwarding is off. Interfaces that take router advertisements go on to.
Result<void> enable_forwarding(const fs::path& proc_net = "/proc/sys/net",
                               const fs::path& devices = "/sys/class/net");

// Why nftables cannot be used: `nft list tables` says it, once nf_tables was asked for.
std::optional<Reason> try_nftables();

} // namespace dind::host
