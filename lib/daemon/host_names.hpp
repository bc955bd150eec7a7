#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

// What this container is called, by itself and by others.
struct HostNames {
  std::vector<std::string> names;     // of its hostname, in full and short
  std::vector<std::string> addresses; // of all its interfaces
};

// From the kernel, /etc/hostname and /etc/hosts; no name service is asked.
HostNames read_host_names();

// The name that /etc/hosts gives first for `name`, which is the full one; "" = it is not there.
std::string canonical_name(std::string_view etc_hosts, std::string_view name);

// The names for a server's certificate, as openssl's subjectAltName has them: sorted, each once,
// with "docker" and "localhost" and what the user adds in the same form (DOCKER_TLS_SAN).
std::string subject_alt_names(const HostNames& host, std::string_view added);

} // namespace dind::daemon
