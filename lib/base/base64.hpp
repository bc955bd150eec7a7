#pragma once

#include <base/result.hpp>

#include <string>
#include <string_view>

namespace dind {

// Standard base64 with padding (RFC 4648, section 4).
std::string base64_encode(std::string_view bytes);
Result<std::string> base64_decode(std::string_view text);

} // namespace dind
