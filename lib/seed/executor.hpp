#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <seed/execution.hpp>
#include <seed/seed_report.hpp>

namespace dind::seed {

// Carries out a plan below `data_root`, which dockerd does not use at the time. What goes,
// goes first; then layers, then images, then names, so that dockerd sees whole images
// only, whenever this is killed; the receipt before the names. A layer that fails costs the
// images that stand on it; the rest goes on. An error means that
// nothing could be done, or ECANCELED that it was interrupted.
Result<SeedReport> execute(const Execution& what, const Fd& data_root, SeedProgress& progress);

} // namespace dind::seed
