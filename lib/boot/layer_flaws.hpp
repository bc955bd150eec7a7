#pragma once

#include <boot/caches.hpp>
#include <boot/data_root.hpp>
#include <boot/inspection.hpp>

#include <string>

namespace dind::boot {

// Checks layers of `driver` that earlier boots made. The same inspection, whose state says what is
// wrong with them: those that are borrowed from a cache that was damaged since, or is refused;
// after another boot of the kernel all of them, for nothing is flushed while seeding. If a layer
// could not be checked, its boot ID is seed::kUnchecked, so that the next start checks again.
Inspection with_flaws(Inspection seen, const std::string& driver, const DataRoot& root,
                      const Caches& caches);

} // namespace dind::boot
