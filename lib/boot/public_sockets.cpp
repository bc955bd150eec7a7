#include <boot/public_sockets.hpp>

#include <base/log.hpp>
#include <sys/file.hpp>
#include <sys/listen.hpp>

#include <unistd.h>

#include <algorithm>
#include <tuple>

namespace dind::boot {
namespace {

constexpr const char* kGroupFile = "/etc/group";
constexpr std::size_t kGroupFileLimit = 4U << 20U;
constexpr mode_t kSocketMode = 0660;

// As dockerd does it: the group `docker` is for where there is one, any other must exist.
Result<gid_t> socket_group(const std::string& name) {
  if (name.empty()) {
    return ::getegid();
  }
  const auto text = sys::read_file(kGroupFile, kGroupFileLimit);
  if (const auto found = daemon::find_group(text ? *text : "", name)) {
    return *found;
  }
  if (name != daemon::kDefaultSocketGroup) {
    return input_error("--group={}: {} has no such group", name, kGroupFile);
  }
  log::info("the API's socket is root's alone: there is no group {}", name);
  return ::getegid();
}

Result<Fd> bind(const daemon::HostAddress& at) {
  return at.is_dual_stack() ? sys::bind_tcp_everywhere(at.port) : sys::bind_tcp(at.ip, at.port);
}

bool is_taken_for_ipv6_alone(const daemon::HostAddress& at) {
  return at.is_dual_stack() && sys::bind_tcp("0.0.0.0", at.port);
}

// What a user would change to have another address in the place of one that is taken. (A --host
// beside the defaults does not replace them.)
std::string_view way_out(const daemon::HostAddress& at) {
  switch (at.origin) {
  case daemon::HostAddress::Origin::option:
    return "name another by --host";
  case daemon::HostAddress::Origin::file:
    return "name another in \"hosts\" of daemon.json";
  case daemon::HostAddress::Origin::defaults:
    break;
  }
  if (at.is_unix()) {
    return "name another by DOCKER_HOST=unix:///PATH";
  }
  return is_taken_for_ipv6_alone(at) ? "set DIND_TCP_BIND=0.0.0.0, since it is taken for IPv6 alone"
                                     : "write the whole command without it, such as: dockerd "
                                       "--host=unix:///var/run/docker.sock";
}

// The failure in words that tell what to do.
Error obstacle(const daemon::HostAddress& at, Error error) {
  if (!error.is(std::errc::address_in_use)) {
    return error;
  }
  return at.is_unix()
             ? input_error("another process listens at {}: end it, or {}", at.path, way_out(at))
             : input_error("port {} is taken on {}: end what listens there, or {}", at.port, at.ip,
                           way_out(at));
}

} // namespace

bool is_instant(const seed::SeedPlan& plan) {
  return plan.kind != seed::SeedPlan::Kind::load &&
         std::none_of(plan.layers.begin(), plan.layers.end(), [](const seed::LayerStep& step) {
           return step.method == seed::Method::copy || step.method == seed::Method::load;
         });
}

Result<PublicSockets> PublicSockets::claim(const daemon::ListenerPlan& plan,
                                           config::Activate when) {
  const bool has_unix = std::any_of(plan.bound.begin(), plan.bound.end(),
                                    [](const daemon::HostAddress& at) { return at.is_unix(); });
  PublicSockets sockets(when, has_unix ? TRY(socket_group(plan.group)) : 0);
  for (const daemon::HostAddress& at : plan.bound) {
    if (at.is_unix()) {
      if (auto cleared = sys::clear_socket_at(at.path); !cleared) {
        return obstacle(at, std::move(cleared).error());
      }
      sockets.sockets_.push_back({at, Fd()});
      continue;
    }
    auto bound = bind(at);
    if (!bound) {
      return obstacle(at, std::move(bound).error());
    }
    sockets.sockets_.push_back({at, std::move(bound).value()});
  }
  if (when == config::Activate::early) {
    TRY(sockets.listen(Where::outside_tmp));
  }
  return sockets;
}

PublicSockets::~PublicSockets() {
  std::vector<Fd> left;
  for (Socket& socket : sockets_) {
    if (socket.fd) {
      left.push_back(std::move(socket.fd));
    }
  }
  std::ignore = sys::stop_listening(left);
}

Result<void> PublicSockets::listen(Where where) {
  for (Socket& socket : sockets_) {
    if (where == Where::outside_tmp && socket.at.path.starts_with("/tmp/")) {
      continue;
    }
    if (socket.at.is_unix() && !socket.fd) {
      auto made = sys::listen_at(socket.at.path, group_, kSocketMode);
      if (!made && made.error().is(std::errc::invalid_argument)) {
        log::warn("{}: the user namespace does not have it", made.error().describe());
        made = sys::listen_at(socket.at.path, ::getegid(), kSocketMode);
      }
      if (!made) {
        return obstacle(socket.at, std::move(made).error());
      }
      socket.fd = std::move(made).value();
    } else if (const auto listens = sys::start_listening(socket.fd); !listens) {
      return obstacle(socket.at, listens.error());
    }
  }
  return {};
}

void PublicSockets::listen_before(const seed::SeedPlan& plan) {
  const bool may_wait = when_ == config::Activate::automatic && is_instant(plan);
  if (may_wait || when_ == config::Activate::early) {
    std::ignore = listen(Where::everywhere);
  }
}

Result<std::vector<Fd>> PublicSockets::hand_over() {
  TRY(listen(Where::everywhere));
  std::vector<Fd> handed;
  for (Socket& socket : sockets_) {
    handed.push_back(std::move(socket.fd));
  }
  sockets_.clear();
  return handed;
}

} // namespace dind::boot
