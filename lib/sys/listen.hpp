#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace dind::sys {

namespace fs = boost::filesystem;

// Listening sockets, not blocking, for a child that accepts from them.

// Whether a process listens at a unix socket. A missing file and one that was left behind are no.
Result<bool> is_listened_at(const fs::path& path);

// Removes a socket that was left behind, if there is one. EADDRINUSE if a process listens at it,
// EEXIST if it is no socket.
Result<void> clear_socket_at(const fs::path& path);

// A unix socket that appears at `path` only when clients can
// connect to it and with its group and mode. In the place of one that was left behind; EADDRINUSE
// if a process listens there, EEXIST if it is no socket, ENAMETOOLONG beyond 106 bytes.
Result<Fd> listen_at(const fs::path& path, gid_t group, mode_t mode);

// A TCP socket bound to an address ("0.0.0.0", "::1"), which has the port and refuses
// connections until `start_listening`. "::" takes IPv4 as well.
Result<Fd> bind_tcp(const std::string& ip, std::uint16_t port);

// The same on every address, as Go's listeners do: of IPv6 and IPv4, or of IPv4 alone where the
// kernel has no IPv6.
Result<Fd> bind_tcp_everywhere(std::uint16_t port);

Result<void> start_listening(const Fd& socket); // once more is fine

// Closes listeners, and removes the files of unix sockets, but for those that a child still serves
// that got the listener. Returns the files that stay.
std::vector<fs::path> stop_listening(std::vector<Fd>& sockets);

} // namespace dind::sys
