#pragma once

#include <boot/options.hpp>

#include <signal.h>

#include <span>
#include <string>

namespace dind::boot {

// Becomes another program, which is looked up in PATH and gets the signals as this one found them
// (`mask`). Returns only if that fails: what a shell would exit with then.
int exec_program(std::span<const std::string> argv, std::span<const std::string> environment,
                 const sigset_t& mask);

// Becomes the command that arguments ask for which are not dockerd's: daemon::make_command.
int exec_command(std::span<const std::string> arguments, std::span<const std::string> environment,
                 const sigset_t& mask);

// Becomes rootlesskit, in whose namespaces this program runs again with the same arguments. Says
// what is missing, and returns 1, as the stock entrypoint does.
int exec_rootless(const Options& options, std::span<const std::string> arguments,
                  const sigset_t& mask);

} // namespace dind::boot
