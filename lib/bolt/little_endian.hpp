#pragma once

#include <bit>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace dind::bolt {

// Bolt's files have the byte order of the machine that wrote them: little endian wherever
// engines run.
static_assert(std::endian::native == std::endian::little);

// The number at `offset`, which the caller has held against the size.
template <std::unsigned_integral T>
T load(std::string_view bytes, std::size_t offset) {
  assert(offset <= bytes.size() && sizeof(T) <= bytes.size() - offset);
  T number = 0;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

template <std::unsigned_integral T>
void append(std::string& bytes, T number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

} // namespace dind::bolt
