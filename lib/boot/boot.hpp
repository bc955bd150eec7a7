#pragma once

#include <boot/options.hpp>

#include <span>
#include <string>

namespace dind::boot {

// The whole life of PID 1: from the options to dockerd's end. Returns the exit
// code of this process, which is dockerd's own (0-255, or 128 + a signal) once
// it has been started, and before that one of:
//   64 usage, 65 cache unusable under DIND_SEED_ON_ERROR=fail,
//   69 required driver cannot be had, 71 host preparation failed,
//   126, 127 dockerd not runnable, not found, 143 stopped before it was ready.
// `arguments` without argv[0]; `environment` as "NAME=value".
int run(std::span<const std::string> arguments, std::span<const std::string> environment);

} // namespace dind::boot
