#include <boot/packet_filter.hpp>

#include <base/log.hpp>
#include <sys/workers.hpp>

namespace dind::boot {
namespace {

bool is_off(const json::object& file, std::string_view key) {
  const json::value* found = file.if_contains(key);
  return found && found->is_bool() && !found->get_bool();
}

bool is_nftables(const daemon::CommandLine& flags, const json::object& file) {
  const json::value* found = file.if_contains("firewall-backend");
  return flags.firewall_backend == "nftables" ||
         (found && found->is_string() && found->get_string() == "nftables");
}

} // namespace

FilterUse filter_use(const daemon::CommandLine& flags, const json::object& file) {
  if (is_nftables(flags, file)) {
    return {false, false}; // rules without the iptables programs
  }
  return {flags.iptables.value_or(!is_off(file, "iptables")),
          flags.ip6tables.value_or(!is_off(file, "ip6tables"))};
}

FilterPreparation::FilterPreparation(FilterUse use, const Environment& environment,
                                     const fs::path& runtime_dir)
    : use_(use) {
  if (!use.v4) {
    return;
  }
  constexpr std::string_view kWish = "DOCKER_IPTABLES_LEGACY";
  std::optional<std::string> wish;
  if (is_set(environment, kWish)) {
    wish = find_variable(environment, kWish).value_or("");
  }
  const auto find = [this, wish, runtime_dir] {
    found_ = host::prepare_iptables(wish, runtime_dir);
  };
  thread_ = sys::start_thread(find);
  if (!thread_) {
    find();
  }
}

Environment FilterPreparation::finish(Environment environment, report::StatusBoard& board) {
  if (!use_.v4) {
    log::info("iptables: not looked at, since dockerd does without");
    return environment;
  }
  if (thread_ && thread_->joinable()) {
    thread_->join();
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

} // namespace dind::boot
