#pragma once

#include <base/result.hpp>

namespace dind::sys {

// Makes this process one that can read all files, and do next to nothing else, for good: the user
// and group 65534 without others, CAP_DAC_READ_SEARCH as its only capability, no new privileges by
// exec, and a network namespace of its own, with no interface that is up. It keeps its descriptors,
// its mount and PID namespaces, and what any user may do there. It dies with the thread that
// forked it. Needs root; to be called before the first thread starts.
Result<void> confine_to_reading();

} // namespace dind::sys
