#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dind::tar_split {

// Go's crc64 with the ISO polynomial (reflected 0xd800000000000000, all ones in
// and out): what tar-split keeps of each payload. Check value of "123456789":
// 0xb90956c775a41001. Our own, as no library that we link has this polynomial.
class Crc64Iso {
public:
  void update(std::span<const std::byte> bytes);
  std::uint64_t value() const { return ~state_; }

private:
  std::uint64_t state_ = ~std::uint64_t{0};
};

} // namespace dind::tar_split
