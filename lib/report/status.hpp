#pragma once

#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::report {

namespace fs = boost::filesystem;

inline constexpr const char* kStatusName = "status.json";

enum class State { starting, seeding, launching, ready, restarting, draining, stopping, failed };
inline constexpr std::array kStates = {State::starting, State::seeding,    State::launching,
                                       State::ready,    State::restarting, State::draining,
                                       State::stopping, State::failed};
enum class Outcome { ok, degraded, cold };

// One stage of the boot, in milliseconds since this process began to run.
struct Phase {
  std::string name;
  double start_ms = 0;
  double duration_ms = 0;
};

// How often the registry of DIND_REGISTRY was asked for a manifest.
struct RegistryUse {
  std::uint64_t hits = 0;   // that a cache has
  std::uint64_t misses = 0; // that none has
};

// status.json: what this boot has done so far. This project's own format;
// unknown members are ignored by readers.
struct Status {
  std::string dind_init;         // its version; empty of one that did not tell it
  std::string boot_id;           // of the kernel
  pid_t pid = 0;                 // of dind-init
  std::uint64_t start_ticks = 0; // when that process started: proc(5), field 22 of stat
  State state = State::starting;
  double state_since_ms = 0;     // since this process began to run, as in phases
  std::string state_reason;      // empty for what needs none
  std::uint64_t restarts = 0;    // of dockerd
  std::optional<Outcome> result; // unknown until seeding is over
  std::string engine;            // version of dockerd; empty while unknown
  std::string store;             // "graph" or "containerd"
  std::string driver;
  std::string strategy; // the method that most bytes got
  std::string reason;   // of strategy and driver
  std::uint64_t images = 0;
  std::vector<std::string> images_missing;
  std::vector<std::string> images_there; // names, or IDs of images without one
  std::uint64_t layers = 0;
  std::vector<std::pair<std::string, std::uint64_t>> layers_by_method;
  std::uint64_t bytes = 0;
  std::vector<std::pair<std::string, std::uint64_t>> bytes_by_method;
  std::uint64_t bytes_written = 0; // by seeding; where an engine loaded, what is free less
  std::uint64_t files_written = 0; // made, likewise
  std::vector<std::string> warnings;
  std::optional<RegistryUse> registry; // none: it does not run
  std::string api;                     // path of the engine's unix socket; empty if there is none
  std::vector<Phase> phases;
};

std::string print_status(const Status& status);
Result<Status> parse_status(std::string_view text);

std::string_view name_of(State state);
std::string_view name_of(Outcome outcome);

// Reads `dir`/status.json and makes sure that it is about a process that runs
// now: same boot of the kernel, same pid, same start. Otherwise an error that
// says what is wrong, ENOENT where there is no file.
Result<Status> read_living_status(const fs::path& dir);

// Where status.json may be, in order: /run/dind-init, the fallback in the data root, and the place
// of a rootless engine of this user.
std::vector<fs::path> runtime_dirs(const fs::path& data_root);

} // namespace dind::report
