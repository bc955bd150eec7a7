#pragma once

#include <boot/findings.hpp>

namespace dind::boot {

// Checks layers that earlier boots made, and notes in `found.state` what is wrong with them: those
// that are borrowed from a cache that was damaged since, or is refused; after another boot of the
// kernel all of them, for nothing is flushed while seeding. If a layer could not
// be checked, `found.boot_id` becomes one that no boot has, so that the next start checks again.
void look_for_flaws(Findings& found);

} // namespace dind::boot
