#pragma once

#include <string>

namespace dind::fuzz {

// A tar in which whatever looks like a header has the right checksum: a mutated header would not
// get past its own.
std::string with_checksums(std::string tar);

} // namespace dind::fuzz
