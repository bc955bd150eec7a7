#pragma once

#include <base/fd.hpp>

#include <memory>
#include <string_view>

namespace dind::fuzz {

// A file of these bytes that has no name.
std::shared_ptr<const Fd> memory_file(std::string_view bytes);

} // namespace dind::fuzz
