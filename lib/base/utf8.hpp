#pragma once

#include <string>
#include <string_view>

namespace dind {

// Whether `text` is well-formed UTF-8, without surrogates and over-long forms
// (RFC 3629). Names in a tar need not be: they are raw bytes.
bool is_utf8(std::string_view text);

// `text` with U+FFFD for each byte that is not a part of well-formed UTF-8, as Go reads it.
std::string to_utf8(std::string_view text);

// Text in UTF-16, whose lone surrogates, and a byte that is left over, become U+FFFD.
enum class ByteOrder { little, big };
std::string utf16_to_utf8(std::string_view bytes, ByteOrder order);

// Whether it is one of those that terminals obey: C0, DEL and C1.
bool is_control(std::string_view code_point);

// `text` for a message of one line: control characters, and all that is not
// UTF-8, as "\\xff".
std::string printable(std::string_view text);

} // namespace dind
