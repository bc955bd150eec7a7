#include <host/uplink.hpp>

#include <base/fd.hpp>
#include <sys/file.hpp>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <limits>
#include <sstream>

namespace dind::host {
namespace {

constexpr std::size_t kRoutesLimit = 16U << 20U;

} // namespace

std::string default_interface(std::string_view routes) {
  constexpr const char* kAny = "00000000";
  std::istringstream lines{std::string(routes)};
  std::string line;
  std::getline(lines, line); // the heading
  std::string nearest;
  unsigned long least = std::numeric_limits<unsigned long>::max();
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string name;
    std::string destination;
    std::string gateway;
    std::string flags;
    std::string skipped;
    std::string mask;
    unsigned long metric = 0;
    words >> name >> destination >> gateway >> flags >> skipped >> skipped >> metric >> mask;
    if (words && destination == kAny && mask == kAny && metric < least) {
      nearest = name;
      least = metric;
    }
  }
  return nearest;
}

std::optional<unsigned> uplink_mtu() {
  const auto routes = sys::read_file("/proc/net/route", kRoutesLimit);
  const std::string name = routes ? default_interface(*routes) : "";
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name) {
    return std::nullopt;
  }
  name.copy(request.ifr_name, name.size());
  if (::ioctl(socket.get(), SIOCGIFMTU, &request) == -1 || request.ifr_mtu <= 0) {
    return std::nullopt;
  }
  return static_cast<unsigned>(request.ifr_mtu);
}

} // namespace dind::host
