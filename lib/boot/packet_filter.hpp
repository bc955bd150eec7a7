#pragma once

#include <base/environment.hpp>
#include <daemon/argv.hpp>
#include <daemon/daemon_json.hpp>
#include <host/iptables.hpp>
#include <report/status_board.hpp>

#include <boost/filesystem/path.hpp>

#include <optional>
#include <thread>

namespace dind::boot {

namespace fs = boost::filesystem;

// Whether dockerd will use iptables, by its options and its file.
struct FilterUse {
  bool v4 = true;
  bool v6 = true;
};
FilterUse filter_use(const daemon::CommandLine& flags, const json::object& file);

// Finds the iptables variant that works here, loading what the kernel lacks. That takes a few
// programs' runs, which go beside the seeding.
class FilterPreparation {
public:
  FilterPreparation(FilterUse use, const Environment& environment, const fs::path& runtime_dir);

  FilterPreparation(const FilterPreparation&) = delete;
  FilterPreparation& operator=(const FilterPreparation&) = delete;

  // Waits for the end, and returns dockerd's environment with that variant first in its PATH.
  // Trouble goes to `board`.
  Environment finish(Environment environment, report::StatusBoard& board);

private:
  FilterUse use_;
  host::Iptables found_;
  std::optional<std::jthread> thread_; // last: it is joined before what it writes to goes
};

} // namespace dind::boot
