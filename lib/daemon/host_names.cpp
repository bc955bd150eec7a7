#include <daemon/host_names.hpp>

#include <sys/file.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/utsname.h>

#include <array>
#include <memory>
#include <set>

namespace dind::daemon {
namespace {

constexpr std::size_t kNamesLimit = 1U << 20U;
constexpr std::string_view kSpace = " \t\r\n";

std::string text_of(const char* path) {
  auto text = sys::read_file(path, kNamesLimit);
  return text ? std::move(text).value() : std::string();
}

std::vector<std::string_view> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) {
      words.push_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string address_text(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (address.sa_family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  } else if (address.sa_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  }
  return bytes && ::inet_ntop(address.sa_family, bytes, text.data(), text.size()) ? text.data()
                                                                                  : "";
}

std::vector<std::string> own_addresses() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) == -1) {
    return {};
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> first(raw, &::freeifaddrs);
  std::vector<std::string> addresses;
  for (const ifaddrs* entry = first.get(); entry; entry = entry->ifa_next) {
    std::string text = entry->ifa_addr ? address_text(*entry->ifa_addr) : "";
    if (!text.empty()) {
      addresses.push_back(std::move(text));
    }
  }
  return addresses;
}

} // namespace

std::string canonical_name(std::string_view etc_hosts, std::string_view name) {
  for (std::string_view line : words_of(etc_hosts, "\n")) {
    const auto words = words_of(line.substr(0, line.find('#')), kSpace);
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i] == name) {
        return std::string(words[1]);
      }
    }
  }
  return "";
}

HostNames read_host_names() {
  HostNames host;
  const std::string written = text_of("/etc/hostname");
  for (const std::string_view word : words_of(written, kSpace)) {
    host.names.emplace_back(word);
  }
  utsname kernel{};
  if (::uname(&kernel) == 0) {
    const std::string name = static_cast<const char*>(kernel.nodename);
    host.names.push_back(name.substr(0, name.find('.')));
    const std::string full = canonical_name(text_of("/etc/hosts"), name);
    host.names.push_back(full.empty() ? name : full);
  }
  host.addresses = own_addresses();
  return host;
}

std::string subject_alt_names(const HostNames& host, std::string_view added) {
  std::set<std::string> all = {"DNS:docker", "DNS:localhost"};
  for (const std::string& name : host.names) {
    if (!name.empty()) {
      all.insert("DNS:" + name);
    }
  }
  for (const std::string& address : host.addresses) {
    all.insert("IP:" + address);
  }
  for (const std::string_view name : words_of(added, ", \t\r\n")) {
    all.emplace(name);
  }
  return fmt::format("{}", fmt::join(all, ","));
}

} // namespace dind::daemon
