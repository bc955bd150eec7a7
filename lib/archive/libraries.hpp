#pragma once

#include <string>

namespace dind::archive {

// The libraries that archives are read, hashed and written by: "zlib 1.2.13, zstd 1.5.4".
std::string libraries();

} // namespace dind::archive
