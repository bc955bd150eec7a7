#pragma once

#include <seed/receipt.hpp>
#include <config/settings.hpp>

#include <string>

namespace dind::supervise {

// Whether borrowed layers that users stand on are to be copied into the volume: if told, and by
// itself once the volume has outlived a start, as a CI job's own never does.
bool wants_promotion(config::Promote setting, const seed::Receipt& receipt_of_earlier_starts);

// Copies them, at idle priority: for a child, which may be killed at any moment, since all
// that this does is whole, or not there.
void promote(const std::string& data_root, const std::string& driver);

} // namespace dind::supervise
