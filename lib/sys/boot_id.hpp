#pragma once

#include <base/result.hpp>

#include <string>

namespace dind::sys {

// What names this run of the kernel, the same in every container on it
// (/proc/sys/kernel/random/boot_id).
Result<std::string> kernel_boot_id();

} // namespace dind::sys
