#include <sys/interface.hpp>

#include <base/fd.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace dind::sys {

Result<std::string> address_of_interface(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) {
    return Error("find the interface " + name, ENODEV);
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::ioctl(socket.get(), SIOCGIFADDR, &request) == -1) {
    return errno_error("find the address of {}", name);
  }
  sockaddr_in found{};
  std::memcpy(&found, &request.ifr_addr, sizeof found);
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &found.sin_addr, text.data(), text.size());
  return std::string(text.data());
}

} // namespace dind::sys
