#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstdint>

namespace dind::sys {

// Whether all of the first `size` bytes of a file were written, as its filesystem tells (FIEMAP):
// no hole, and no extent that was only set aside. EOPNOTSUPP where it cannot tell.
Result<bool> is_written(const Fd& file, std::uint64_t size);

} // namespace dind::sys
