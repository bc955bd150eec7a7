#include <fuzz/target.hpp>

#include <daemon/host_address.hpp>
#include <daemon/host_names.hpp>
#include <daemon/listeners.hpp>

namespace dind::fuzz {
namespace {

void run_host_address(std::string_view input) {
  const auto host = daemon::parse_host(input);
  require(daemon::is_same_socket(host, host));
  require(!host.is_tcp() || (!host.ip.empty() && host.port != 0));
  require(!host.is_unix() || host.path.starts_with('/'));
  // /etc/hosts and /etc/group are the image's.
  std::ignore = daemon::canonical_name(input, "pod");
  std::ignore = daemon::find_group(input, "docker");
}

const Target kTargetHostAddress("host_address", run_host_address);

} // namespace
} // namespace dind::fuzz
