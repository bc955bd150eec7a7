#pragma once

#include <base/result.hpp>
#include <daemon/argv.hpp>
#include <daemon/launch.hpp>
#include <config/settings.hpp>

#include <span>
#include <string>
#include <vector>

namespace dind::boot {

// What the arguments ask for: dockerd with all that this program does for it;
// dockerd that only answers a question (--version, --help, --validate, or a command
// line that it will refuse) and is run at once; or some other command.
enum class Run { daemon, daemon_direct, command };

struct Options {
  Run run = Run::daemon;
  config::Settings settings;         // of the environment; see daemon::complete_settings
  daemon::Invocation invocation;     // for Run::daemon
  daemon::CommandLine flags;         // of invocation.arguments
  std::vector<std::string> argv;     // for the other two: what to run, in the inherited environment
  std::vector<std::string> warnings; // one line each
};

// Reads arguments (without argv[0]) and environment ("NAME=value"); touches
// nothing. An error is a usage error (exit 64) that names variable, value and what is allowed.
//
// Arguments follow the stock entrypoint: none, or a flag first, is dockerd with
// default listeners; "dockerd ..." is dockerd as written; all else is a command,
// for which the environment is not judged.
Result<Options> parse_options(std::span<const std::string> arguments,
                              std::span<const std::string> environment);

} // namespace dind::boot
