#pragma once

#include <base/environment.hpp>
#include <daemon/argv.hpp>
#include <daemon/daemon_json.hpp>
#include <host/iptables.hpp>
#include <config/settings.hpp>
#include <report/status_board.hpp>

#include <boost/filesystem/path.hpp>

#include <optional>
#include <thread>
#include <vector>

namespace dind::boot {

namespace fs = boost::filesystem;

// What dockerd will filter packets with, by its options and its file, and else by
// DIND_FIREWALL_BACKEND.
struct FilterUse {
  bool v4 = true; // iptables
  bool v6 = true; // ip6tables
  bool nftables = false;
};
FilterUse filter_use(const daemon::CommandLine& flags, const json::object& file,
                     config::FirewallBackend wish);

// Finds the iptables variant that works here, loading what the kernel lacks; for nftables, has
// packets forwarded as dockerd demands. That takes a few programs' runs, which go beside the
// seeding.
class FilterPreparation {
public:
  FilterPreparation(FilterUse use, const Environment& environment, const fs::path& runtime_dir);

  FilterPreparation(const FilterPreparation&) = delete;
  FilterPreparation& operator=(const FilterPreparation&) = delete;

  // Waits for the end, and returns dockerd's environment with that variant first in its PATH.
  // Trouble goes to `board`.
  Environment finish(Environment environment, report::StatusBoard& board);

private:
  void finish_nftables(report::StatusBoard& board);

  FilterUse use_;
  std::vector<Reason> nftables_trouble_;
  host::Iptables found_;
  std::optional<std::jthread> thread_; // last: it is joined before what it writes to goes
};

} // namespace dind::boot
