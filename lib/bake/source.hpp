#pragma once

#include <bake/image.hpp>
#include <bake/source_spec.hpp>
#include <bake/spool.hpp>

#include <vector>

namespace dind::bake {

// Opens a source, spools it into `scratch` if it cannot be read at any offset,
// and describes the images that its reference picks. Errors of the content carry
// no errno.
Result<std::vector<SourceImage>> read_source(const SourceSpec& spec, const Fd& scratch,
                                             const StopFlag& stop, const SpoolProgress& progress,
                                             Warnings& warnings);

} // namespace dind::bake
