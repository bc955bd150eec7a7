#pragma once

#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <signal.h>

#include <chrono>
#include <string>
#include <vector>

namespace dind::supervise {

namespace fs = boost::filesystem;

inline constexpr const char* kHookDir = "/etc/dind-init/post-start.d";
inline constexpr auto kHookPatience = std::chrono::seconds(60);

struct HookSetting {
  fs::path dir = kHookDir;
  std::chrono::milliseconds patience = kHookPatience; // of each
  std::vector<std::string> environment;               // "NAME=value"
  sigset_t mask{};
};

// The executable files of `dir`, by name; whatever begins with a dot is left alone. What
// is not executable is named in `skipped`.
struct Hooks {
  std::vector<fs::path> run;
  std::vector<std::string> skipped;
};
Result<Hooks> find_hooks(const fs::path& dir);

// Runs them, one after the other, each killed with its process group when its time is over.
// Returns one line for each that failed. To be called where no other code reaps.
std::vector<std::string> run_hooks(const HookSetting& setting);

} // namespace dind::supervise
