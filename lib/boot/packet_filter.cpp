#include <boot/packet_filter.hpp>

#include <base/log.hpp>
#include <host/forwarding.hpp>
#include <sys/workers.hpp>

namespace dind::boot {
namespace {

bool is_off(const json::object& file, std::string_view key) {
  const json::value* found = file.if_contains(key);
  return found && found->is_bool() && !found->get_bool();
}

bool is_nftables(const daemon::CommandLine& flags, const json::object& file,
                 config::FirewallBackend wish) {
  const json::value* found = file.if_contains("firewall-backend");
  if (found && found->is_string()) {
    return found->get_string() == "nftables";
  }
  return flags.firewall_backend.empty() ? wish == config::FirewallBackend::nftables
                                        : flags.firewall_backend == "nftables";
}

std::vector<Reason> prepare_nftables() {
  std::vector<Reason> trouble;
  if (auto refused = host::try_nftables()) {
    trouble.push_back(*std::move(refused));
  }
  if (auto enabled = host::enable_forwarding(); !enabled) {
    trouble.push_back({std::move(enabled).error().describe()});
  }
  return trouble;
}

} // namespace

FilterUse filter_use(const daemon::CommandLine& flags, const json::object& file,
                     config::FirewallBackend wish) {
  if (is_nftables(flags, file, wish)) {
    return {.v4 = false, .v6 = false, .nftables = true}; // without the iptables programs
  }
  return {.v4 = flags.iptables.value_or(!is_off(file, "iptables")),
          .v6 = flags.ip6tables.value_or(!is_off(file, "ip6tables"))};
}

FilterPreparation::FilterPreparation(FilterUse use, const Environment& environment,
                                     const fs::path& runtime_dir)
    : use_(use) {
  if (!use.v4 && !use.nftables) {
    return;
  }
  constexpr std::string_view kWish = "DOCKER_IPTABLES_LEGACY";
  std::optional<std::string> wish;
  if (is_set(environment, kWish)) {
    wish = find_variable(environment, kWish).value_or("");
  }
  const auto prepare = [this, wish, runtime_dir] {
    if (use_.nftables) {
      nftables_trouble_ = prepare_nftables();
    } else {
      found_ = host::prepare_iptables(wish, runtime_dir);
    }
  };
  thread_ = sys::start_thread(prepare);
  if (!thread_) {
    prepare();
  }
}

Environment FilterPreparation::finish(Environment environment, report::StatusBoard& board) {
  if (thread_ && thread_->joinable()) {
    thread_->join();
  }
  if (use_.nftables) {
    finish_nftables(board);
    return environment;
  }
  if (!use_.v4) {
    log::info("iptables: not looked at, since dockerd does without");
    return environment;
  }
  log::info("iptables: {} ({})", found_.version.empty() ? "none" : found_.version,
            found_.choice.why);
  if (found_.trouble) {
    board.warn("iptables does not work, and dockerd may refuse to start: " + found_.trouble->why);
  }
  if (use_.v6 && found_.trouble_v6) {
    log::warn("ip6tables does not work, and networks with IPv6 will fail: {}",
              found_.trouble_v6->why);
  }
  return found_.legacy_dir.empty() ? environment
                                   : with_path_prefix(std::move(environment), found_.legacy_dir);
}

void FilterPreparation::finish_nftables(report::StatusBoard& board) {
  log::info("nftables: dockerd uses it in place of iptables");
  for (const Reason& trouble : nftables_trouble_) {
    board.warn("nftables may not work, and dockerd may refuse to start: " + trouble.why);
  }
}

} // namespace dind::boot
