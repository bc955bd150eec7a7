#include <base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace dind {
namespace {

// By the first byte; 0 where it cannot begin a sequence.
std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xc2 || lead > 0xf4) {
    return 0;
  }
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

// The length of the well-formed sequence that `text` begins with, or 0.
std::size_t valid_prefix(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = sequence_length(lead);
  if (length == 0 || length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U) {
      return 0;
    }
  }
  const auto second = length > 1 ? static_cast<unsigned char>(text[1]) : 0U;
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool surrogate = lead == 0xed && second > 0x9f;
  const bool too_high = lead == 0xf4 && second > 0x8f;
  return overlong || surrogate || too_high ? 0 : length;
}

constexpr std::uint32_t kReplacement = 0xfffd;

void append_code_point(std::string& out, std::uint32_t code) {
  const auto tail = [code](unsigned shift) {
    return static_cast<char>(0x80U | (code >> shift & 0x3fU));
  };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += {static_cast<char>(0xc0U | code >> 6U), tail(0)};
  } else if (code < 0x10000) {
    out += {static_cast<char>(0xe0U | code >> 12U), tail(6), tail(0)};
  } else {
    out += {static_cast<char>(0xf0U | code >> 18U), tail(12), tail(6), tail(0)};
  }
}

bool is_high_surrogate(std::uint32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}

bool is_low_surrogate(std::uint32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

} // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = valid_prefix(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

std::string to_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = valid_prefix(text);
    out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string utf16_to_utf8(std::string_view bytes, ByteOrder order) {
  const auto unit_at = [&](std::size_t at) -> std::uint32_t {
    const std::uint32_t first = static_cast<unsigned char>(bytes[at]);
    const std::uint32_t second = static_cast<unsigned char>(bytes[at + 1]);
    return order == ByteOrder::big ? first << 8U | second : second << 8U | first;
  };
  std::string out;
  std::size_t at = 0;
  for (; at + 1 < bytes.size(); at += 2) {
    const std::uint32_t unit = unit_at(at);
    const std::uint32_t next = at + 3 < bytes.size() ? unit_at(at + 2) : 0;
    if (is_high_surrogate(unit) && is_low_surrogate(next)) {
      append_code_point(out, 0x10000 + ((unit - 0xd800) << 10U) + (next - 0xdc00));
      at += 2;
    } else {
      append_code_point(out,
                        is_high_surrogate(unit) || is_low_surrogate(unit) ? kReplacement : unit);
    }
  }
  if (at < bytes.size()) {
    append_code_point(out, kReplacement);
  }
  return out;
}

bool is_control(std::string_view code_point) {
  const auto lead = static_cast<unsigned char>(code_point.front());
  const bool is_c1 = code_point.size() == 2 && lead == 0xc2 &&
                     static_cast<unsigned char>(code_point[1]) < 0xa0; // U+0080 to U+009F
  return lead < 0x20 || lead == 0x7f || is_c1;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = valid_prefix(text);
    if (length == 0 || is_control(text.substr(0, length))) {
      const std::size_t count = std::max<std::size_t>(length, 1);
      for (const char byte : text.substr(0, count)) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
      text.remove_prefix(count);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

} // namespace dind
