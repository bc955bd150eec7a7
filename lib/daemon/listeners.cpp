#include <daemon/listeners.hpp>

#include <base/environment.hpp>
#include <daemon/engine_api.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace dind::daemon {
namespace {

constexpr std::array<std::string_view, 5> kTlsSettings = {"tls", "tlsverify", "tlscacert",
                                                          "tlscert", "tlskey"};
constexpr std::uint16_t kTlsPort = 2376;

// Of the TLS settings in the file, the first; "" = there is none.
std::string_view tls_setting_in(const json::object& file) {
  const auto* found = std::find_if(kTlsSettings.begin(), kTlsSettings.end(),
                                   [&](std::string_view key) { return file.contains(key); });
  return found == kTlsSettings.end() ? std::string_view() : *found;
}

bool has_tls_setting(const CommandLine& flags, const json::object& file) {
  return !tls_setting_in(file).empty() ||
         std::any_of(kTlsSettings.begin(), kTlsSettings.end(),
                     [&](std::string_view option) { return flags.has(option); });
}

// Whether dockerd will use TLS by the user's own settings. To mention tlsverify, even as
// false, is to ask for TLS (moby daemon/command/options.go, daemon.go).
bool uses_tls(const CommandLine& flags, const json::object& file) {
  const auto* in_file = file.if_contains("tls");
  return flags.has("tlsverify") || file.contains("tlsverify") || flags.tls.value_or(false) ||
         (in_file && in_file->is_bool() && in_file->get_bool());
}

std::string default_socket(const ListenerRequest& request) {
  const std::string docker_host = find_variable(request.environment, "DOCKER_HOST").value_or("");
  return docker_host.starts_with("unix://") ? docker_host
                                            : std::string("unix://") + kDefaultApiSocket;
}

std::string tcp_host(const std::string& ip, std::uint16_t port) {
  return ip.find(':') == std::string::npos ? fmt::format("tcp://{}:{}", ip, port)
                                           : fmt::format("tcp://[{}]:{}", ip, port);
}

void add_unless_there(std::vector<HostAddress>& hosts, const HostAddress& host) {
  if (std::none_of(hosts.begin(), hosts.end(),
                   [&](const HostAddress& other) { return is_same_socket(host, other); })) {
    hosts.push_back(host);
  }
}

HostAddress default_tcp(const std::string& bind, std::uint16_t port) {
  HostAddress tcp = parse_host(tcp_host(bind.empty() ? "0.0.0.0" : bind, port));
  tcp.origin = HostAddress::Origin::defaults;
  tcp.only_ipv4 = !bind.empty(); // who writes 0.0.0.0 there means it
  return tcp;
}

// All addresses, each once, the defaults first.
Result<std::vector<HostAddress>> hosts_of(const ListenerRequest& request, bool tls) {
  std::vector<HostAddress> named;
  const auto in_file = TRY(json::Fields(request.file).texts_or_none("hosts"));
  for (const auto* hosts : {&request.flags.hosts, &in_file}) {
    for (const std::string& text : *hosts) {
      HostAddress host = parse_host(text);
      host.origin = hosts == &in_file ? HostAddress::Origin::file : HostAddress::Origin::option;
      add_unless_there(named, host);
    }
  }
  std::vector<HostAddress> all;
  if (request.default_listeners) {
    HostAddress socket = parse_host(default_socket(request));
    socket.origin = HostAddress::Origin::defaults;
    const std::uint16_t port = tls ? kTlsPort : kPlainPort;
    const HostAddress tcp = default_tcp(request.settings.tcp_bind, port);
    const bool is_port_named =
        std::any_of(named.begin(), named.end(),
                    [&](const HostAddress& host) { return host.is_tcp() && host.port == port; });
    all.push_back(socket);
    if (!is_port_named) {
      all.push_back(tcp);
    }
  } else if (named.empty() && !tls) { // with TLS, dockerd listens on localhost alone
    // In rootlesskit dockerd's own default is in the user's folder (moby opts/hosts.go).
    const auto dir = find_variable(request.environment, "ROOTLESSKIT_STATE_DIR")
                         ? find_variable(request.environment, "XDG_RUNTIME_DIR")
                         : std::nullopt;
    all.push_back(parse_host(dir ? "unix://" + *dir + "/docker.sock" : std::string("unix://")));
  }
  for (const HostAddress& host : named) {
    add_unless_there(all, host);
  }
  return all;
}

bool is_from_systemd(const HostAddress& host) {
  return host.text.starts_with("fd:");
}

std::string plain_tcp_warning(const HostAddress& host) {
  return fmt::format("the API is open without TLS on {}: a client that reaches it is root on this "
                     "node; set DOCKER_TLS_CERTDIR=/certs, or DIND_TCP_BIND=127.0.0.1 if only this "
                     "container and its network namespace need it",
                     tcp_host(host.ip, host.port));
}

std::vector<std::string> tls_arguments(const std::string& certificates) {
  const std::string server = certificates + "/server/";
  return {"--tlsverify", "--tlscacert=" + server + "ca.pem", "--tlscert=" + server + "cert.pem",
          "--tlskey=" + server + "key.pem"};
}

std::string socket_group(const CommandLine& flags, const json::object& file) {
  const auto* in_file = file.if_contains("group");
  if (in_file && in_file->is_string()) {
    return std::string(in_file->get_string());
  }
  return flags.group.value_or(std::string(kDefaultSocketGroup));
}

} // namespace

Result<ListenerPlan> plan_listeners(const ListenerRequest& request) {
  ListenerPlan plan;
  if (request.default_listeners) {
    plan.certificates = find_variable(request.environment, "DOCKER_TLS_CERTDIR").value_or("");
  }
  if (const std::string_view key = tls_setting_in(request.file);
      !key.empty() && !plan.certificates.empty()) {
    return input_error(
        "DOCKER_TLS_CERTDIR={} asks for TLS with keys that are made here, and \"{}\" "
        "is in daemon.json: set DOCKER_TLS_CERTDIR to nothing to use your own",
        plan.certificates, key);
  }
  const bool tls = !plan.certificates.empty() || uses_tls(request.flags, request.file);
  const std::vector<HostAddress> hosts = TRY(hosts_of(request, tls));

  const bool binds = request.settings.activate != config::Activate::off &&
                     std::none_of(hosts.begin(), hosts.end(), is_from_systemd);
  bool leaves_tcp = false;
  std::vector<std::string> left;
  for (const HostAddress& host : hosts) {
    if (binds && host.kind != HostAddress::Kind::other) {
      plan.bound.push_back(host);
    } else {
      left.push_back("--host=" + host.text);
      leaves_tcp = leaves_tcp || !(host.is_unix() || is_from_systemd(host));
    }
    if (plan.api.empty() && host.is_unix()) {
      plan.api = host.path;
    }
    if (!tls && host.is_tcp() && !host.is_loopback()) {
      plan.warnings.push_back(plain_tcp_warning(host));
    }
  }

  plan.moves_hosts = request.default_listeners || !plan.bound.empty();
  if (plan.moves_hosts) {
    if (!plan.bound.empty()) {
      plan.arguments.emplace_back("--host=fd://");
    }
    plan.arguments.insert(plan.arguments.end(), left.begin(), left.end());
  }
  if (!plan.certificates.empty()) {
    const auto options = tls_arguments(plan.certificates);
    plan.arguments.insert(plan.arguments.end(), options.begin(), options.end());
  } else if (leaves_tcp && !has_tls_setting(request.flags, request.file)) {
    // Or dockerd would wait for 15 seconds, for people to read its warning.
    plan.arguments.emplace_back("--tls=false");
  }
  plan.group = socket_group(request.flags, request.file);
  return plan;
}

std::optional<gid_t> find_group(std::string_view etc_group, std::string_view name) {
  const auto number = [](std::string_view text) -> std::optional<gid_t> {
    gid_t gid = 0;
    const auto [end, failure] = std::from_chars(text.begin(), text.end(), gid);
    return failure == std::errc() && end == text.end() ? std::optional(gid) : std::nullopt;
  };
  while (!etc_group.empty()) { // "docker:x:2375:alice,bob"
    const std::string_view line = etc_group.substr(0, etc_group.find('\n'));
    const std::size_t password = line.find(':');
    const std::size_t gid =
        password == std::string_view::npos ? password : line.find(':', password + 1);
    if (gid != std::string_view::npos && line.substr(0, password) == name) {
      const std::string_view rest = line.substr(gid + 1);
      if (const auto found = number(rest.substr(0, rest.find(':')))) {
        return found;
      }
    }
    etc_group.remove_prefix(std::min(line.size() + 1, etc_group.size()));
  }
  return number(name);
}

} // namespace dind::daemon
