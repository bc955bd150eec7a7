#pragma once

#include <base/result.hpp>
#include <base/wishes.hpp>
#include <seed/receipt.hpp>

#include <sys/types.h>

#include <optional>
#include <string>

namespace dind::boot {

// Whether borrowed layers that users stand on are to be copied into the volume: if told, and by
// itself once the volume has outlived a start, as a CI job's own never does.
bool wants_promotion(PromoteWish wish, const seed::Receipt& receipt_of_earlier_starts);

// Copies them in a child of its own, at idle priority, while dockerd runs. The
// child's end is reaped like any orphan's. To be called from a single thread.
Result<pid_t> start_promotion(const std::string& data_root, const std::string& driver);

} // namespace dind::boot
