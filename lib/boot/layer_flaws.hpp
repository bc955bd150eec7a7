#pragma once

#include <boot/caches.hpp>
#include <boot/data_root.hpp>
#include <boot/inspection.hpp>

#include <string>

namespace dind::boot {

// Checks layers of `driver` that earlier boots made. The same inspection, whose state says what is
// wrong with them:
//  - those that are borrowed from a cache that was damaged since, or is refused;
//  - those that lead elsewhere than into a cache, or have a name that none gives, though a cache of
//    today has them: a job may have planted them;
//  - with DIND_VERIFY=full, those whose files are not what a cache of today says, and those that an
//    engine made of what a cache has;
//  - after another boot of the kernel all of them, for nothing is flushed while seeding. If a layer
//    could not be checked, its boot ID is seed::kUnchecked, so that the next start checks again.
Inspection with_flaws(Inspection seen, const std::string& driver, const DataRoot& root,
                      const Caches& caches, config::Verify verify);

} // namespace dind::boot
