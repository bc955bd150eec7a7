#include <host/symptoms.hpp>

#include <base/result.hpp>
#include <host/forwarding.hpp>
#include <host/probe.hpp>
#include <host/try_program.hpp>
#include <sys/file.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <sstream>

namespace dind::host {
namespace {

constexpr std::size_t kLimit = 1U << 20U;

std::string text_of(const std::string& path) {
  auto text = sys::read_file(path, kLimit);
  return text ? std::move(text).value() : "";
}

Reason why(const Error& error) {
  return {error.describe()};
}

std::optional<Reason> try_open(const char* path) {
  const auto opened = sys::open_path(path, O_RDWR);
  return opened ? std::nullopt : std::optional(why(opened.error()));
}

std::optional<Reason> try_cgroup() {
  const bool is_unified = ::access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  const std::string path =
      fmt::format("/sys/fs/cgroup/{}dind-doctor-{}", is_unified ? "" : "memory/", ::getpid());
  if (::mkdir(path.c_str(), 0755) == -1) {
    return why(errno_error("make {}", path));
  }
  ::rmdir(path.c_str());
  return std::nullopt;
}

// The data root, or what is there of the way to it.
std::optional<Reason> try_overlay(const std::string& data_root) {
  sys::fs::path path = data_root;
  while (!path.empty() && ::access(path.c_str(), F_OK) == -1) {
    path = path.parent_path();
  }
  const auto opened = sys::open_dir(path);
  if (!opened) {
    return why(opened.error());
  }
  ProbeRequest request;
  request.scratch_parent = ".";
  const auto facts = probe(*opened, request);
  if (!facts) {
    return why(facts.error());
  }
  return facts->overlay.holds ? std::nullopt : std::optional(Reason{facts->overlay.why});
}

std::optional<unsigned> number_in(const std::string& text) {
  unsigned number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() ? std::optional(number) : std::nullopt;
}

std::optional<unsigned> mtu_of_way_out(const std::string& routes) {
  std::istringstream lines(routes);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string device;
    std::string target;
    words >> device >> target;
    if (target == "00000000") {
      return number_in(text_of("/sys/class/net/" + device + "/mtu"));
    }
  }
  return std::nullopt;
}

std::string value_of(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& entry : environment) {
    if (entry.starts_with(name + "=")) {
      return entry.substr(name.size() + 1);
    }
  }
  return "";
}

} // namespace

Symptoms examine(const std::string& data_root, const std::vector<std::string>& environment) {
  Symptoms seen;
  seen.process_status = text_of("/proc/self/status");
  seen.attr_current = text_of("/proc/self/attr/current");
  seen.resolv_conf = text_of("/etc/resolv.conf");
  seen.routes = text_of("/proc/net/route");
  seen.pools =
      value_of(environment, "DIND_BIP") + " " + value_of(environment, "DIND_DEFAULT_ADDRESS_POOLS");
  seen.pools = seen.pools == " " ? "" : seen.pools;
  seen.cgroup_trouble = try_cgroup();
  seen.iptables_trouble = try_program({"iptables", "-nL"});
  seen.ip6tables_trouble = try_program({"ip6tables", "-nL"});
  seen.wants_nftables = value_of(environment, "DIND_FIREWALL_BACKEND") == "nftables";
  if (seen.wants_nftables) {
    seen.nftables_trouble = try_nftables();
  }
  seen.fuse_trouble = try_open("/dev/fuse");
  seen.loop_trouble = try_open("/dev/loop-control");
  seen.overlay_trouble = try_overlay(data_root);
  seen.mtu = mtu_of_way_out(seen.routes);
  seen.own_mtu = number_in(value_of(environment, "DIND_MTU"));
  return seen;
}

} // namespace dind::host
