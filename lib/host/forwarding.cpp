#include <host/forwarding.hpp>

#include <host/iptables.hpp>
#include <host/try_program.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/spawn.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace dind::host {
namespace {

constexpr std::size_t kSwitchLimit = 16; // bytes

bool is(std::string_view value, const fs::path& path) {
  const auto text = sys::read_file(path, kSwitchLimit);
  return text && std::string_view(*text).substr(0, text->find('\n')) == value;
}

Result<void> set(const fs::path& path, std::string_view value) {
  const Fd file = TRY(sys::open_path(path, O_WRONLY));
  return sys::write_all(file, value).within("write " + path.native());
}

// The interfaces of this namespace; "all" and "default" of `conf` are none.
Result<std::vector<std::string>> names_in(const fs::path& dir) {
  const Fd fd = TRY(sys::open_dir(dir));
  std::vector<std::string> names;
  for (const auto& entry : TRY(sys::list_dir(fd))) {
    names.push_back(entry.name);
  }
  return names;
}

bool has_device_of_host(const fs::path& devices) {
  const auto names = names_in(devices);
  return names && std::any_of(names->begin(), names->end(), [&](const std::string& name) {
           return static_cast<bool>(sys::open_path(devices / name / "device", O_PATH));
         });
}

// A router's advertisements count for a forwarding host only if that is said (accept_ra 2).
void keep_advertisements(const fs::path& conf) {
  const auto names = names_in(conf);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    const fs::path accept = conf / name / "accept_ra";
    if (is("1", accept)) {
      std::ignore = set(accept, "2");
    }
  }
}

} // namespace

Result<void> enable_forwarding(const fs::path& proc_net, const fs::path& devices) {
  const fs::path v4 = proc_net / "ipv4/ip_forward";
  const fs::path conf = proc_net / "ipv6/conf";
  const bool has_v6 = static_cast<bool>(sys::open_path(conf, O_PATH));
  std::vector<fs::path> off;
  for (const fs::path& path :
       has_v6 ? std::vector{v4, conf / "default/forwarding", conf / "all/forwarding"}
              : std::vector{v4}) {
    if (!is("1", path)) {
      off.push_back(path);
    }
  }
  if (off.empty()) {
    return {};
  }
  if (has_device_of_host(devices)) {
    return input_error("this network has a device of the host's: set net.ipv4.ip_forward=1 there, "
                       "and a policy for what may be forwarded");
  }
  if (has_v6) {
    keep_advertisements(conf);
  }
  for (const fs::path& path : off) {
    TRY(set(path, "1"));
  }
  return {};
}

std::optional<Reason> try_nftables() {
  if (!sys::find_program("nft")) {
    return Reason{
        "there is no program nft in the PATH, which dockerd needs unless it is linked with "
        "libnftables: install the package nftables"};
  }
  const std::vector<std::string> list = {"nft", "list", "tables"};
  if (!try_program(list)) {
    return std::nullopt;
  }
  request_module("nf_tables");
  return try_program(list);
}

} // namespace dind::host
