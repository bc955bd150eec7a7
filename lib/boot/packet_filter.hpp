#pragma once

#include <base/environment.hpp>
#include <daemon/argv.hpp>
#include <daemon/daemon_json.hpp>
#include <report/status_board.hpp>

#include <boost/filesystem/path.hpp>

namespace dind::boot {

namespace fs = boost::filesystem;

// Whether dockerd will use iptables, by its options and its file.
struct FilterUse {
  bool v4 = true;
  bool v6 = true;
};
FilterUse filter_use(const daemon::CommandLine& flags, const json::object& file);

// Finds the iptables variant that works here, loading what the kernel lacks, and returns dockerd's
// environment with that variant first in its PATH. Trouble goes to `board`.
Environment prepare_packet_filter(FilterUse use, Environment environment,
                                  const fs::path& runtime_dir, report::StatusBoard& board);

} // namespace dind::boot
