#pragma once

#include <boot/findings.hpp>

namespace dind::boot {

// Checks layers that earlier boots made, and notes in `found.state` what is wrong with them: those
// that are borrowed from a cache that was damaged since, or is refused; after another boot of the
// kernel all of them, for nothing is flushed while seeding. `found.boot_id` becomes one that is
// nobody's where that could not be done, so that the next boot does it.
void look_for_flaws(Findings& found);

} // namespace dind::boot
