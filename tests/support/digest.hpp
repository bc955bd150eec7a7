#pragma once

#include <base/digest.hpp>

#include <fmt/format.h>

#include <string>

namespace dind::test {

// 64 times one hex digit.
inline Digest digest(char digit) {
  return Digest::from_hex(std::string(64, digit)).value();
}

// A number, for digests of which there are many.
inline Digest number(unsigned n) {
  return Digest::from_hex(fmt::format("{:064x}", n)).value();
}

} // namespace dind::test
