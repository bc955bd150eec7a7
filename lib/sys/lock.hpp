#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

namespace dind::sys {

// Locks of an open file or directory that nobody else may have meanwhile (flock). They fall with
// the last descriptor of that opening, and so with the process. EOPNOTSUPP or ENOLCK where the
// filesystem has none.
Result<bool> try_lock(const Fd& fd); // false: somebody else has it
Result<void> wait_lock(const Fd& fd);

} // namespace dind::sys
