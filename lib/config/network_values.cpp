#include <config/network_values.hpp>

#include <config/values.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace dind::config {
namespace {

constexpr std::uint64_t kMostPort = 65535;

// How many bits the address has; 0 if it is none.
unsigned bits_of(std::string_view text) {
  in6_addr parsed{};
  const std::string terminated(text);
  if (::inet_pton(AF_INET, terminated.c_str(), &parsed) == 1) {
    return 32;
  }
  return ::inet_pton(AF_INET6, terminated.c_str(), &parsed) == 1 ? 128 : 0;
}

// Letters, digits, "-", "." and what stands in brackets for IPv6.
bool is_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    return bits_of(text.substr(1, text.size() - 2)) == 128;
  }
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
  });
}

bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) {
    return is_host(text);
  }
  const auto port = parse_number(text.substr(colon + 1));
  return port && *port >= 1 && *port <= kMostPort && is_host(text.substr(0, colon));
}

} // namespace

bool is_ip_address(std::string_view text) {
  return bits_of(text) != 0;
}

bool is_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return false;
  }
  const unsigned bits = bits_of(text.substr(0, slash));
  const auto prefix = parse_number(text.substr(slash + 1));
  return bits != 0 && prefix && *prefix <= bits;
}

bool is_registry(std::string_view text) {
  return is_cidr(text) || is_host_and_port(text);
}

bool is_mirror_url(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) {
      text.remove_prefix(scheme.size());
      const bool is_plain = text.find_first_of("?#@") == std::string_view::npos;
      return is_plain && is_host_and_port(text.substr(0, text.find('/')));
    }
  }
  return false;
}

std::optional<AddressPool> parse_address_pool(std::string_view text) {
  AddressPool pool;
  for (const std::string_view part : split(text, ",")) {
    const std::uint64_t size =
        part.starts_with("size=") ? parse_number(part.substr(5)).value_or(0) : 0;
    if (part.starts_with("base=") && pool.base.empty() && is_cidr(part.substr(5))) {
      pool.base = part.substr(5);
    } else if (size >= 1 && size <= 128 && pool.size == 0) {
      pool.size = static_cast<unsigned>(size);
    } else {
      return std::nullopt;
    }
  }
  if (pool.base.empty() || pool.size == 0) {
    return std::nullopt;
  }
  const std::size_t slash = pool.base.find('/');
  const auto prefix = parse_number(std::string_view(pool.base).substr(slash + 1));
  const unsigned bits = bits_of(std::string_view(pool.base).substr(0, slash));
  return *prefix <= pool.size && pool.size <= bits ? std::optional(pool) : std::nullopt;
}

std::optional<Registry> parse_registry(std::string_view text) {
  using Reach = Registry::Reach;
  Registry registry;
  const std::size_t colon = text.find(':', text.starts_with('[') ? text.find(']') : 0);
  std::string_view where = text.substr(0, colon);
  const bool has_port = colon != std::string_view::npos;
  if (has_port) {
    const auto port = parse_number(text.substr(colon + 1));
    if (!port || *port < 1 || *port > kMostPort) {
      return std::nullopt;
    }
    registry.port = static_cast<std::uint16_t>(*port);
  }
  if (text == "off") {
    return registry;
  }
  if (where == "loopback" || where == "bridge") {
    registry.reach = where == "bridge" ? Reach::bridge : Reach::loopback;
    return registry;
  }
  const bool is_bracketed = where.starts_with('[') && where.ends_with(']');
  where = is_bracketed ? where.substr(1, where.size() - 2) : where;
  if (!has_port || bits_of(where) != (is_bracketed ? 128U : 32U)) {
    return std::nullopt;
  }
  registry.reach = Reach::address;
  registry.ip = where;
  return registry;
}

} // namespace dind::config
