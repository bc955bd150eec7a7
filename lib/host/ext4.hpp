#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstdint>

namespace dind::host {

// How a file made by `make_ext4` is mounted. Freed blocks go back to the filesystem
// below; inode tables are zeros already, as the file was sparse. What the file itself says of
// errors does not count: a job can write there that the kernel is to panic.
inline constexpr const char* kExt4Options = "discard,noinit_itable,errors=remount-ro";

// Makes the file sparse, `bytes` long, and formats it with mkfs.ext4. Costs a few MB and
// milliseconds, whatever the size.
Result<void> make_ext4(const Fd& file, std::uint64_t bytes);

// Checks and repairs it as e2fsck -p does at boot. Fine where there is no e2fsck; EUCLEAN if it
// would need a human, and ETIMEDOUT if it takes minutes.
Result<void> check_ext4(const Fd& file);

} // namespace dind::host
