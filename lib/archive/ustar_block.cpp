#include <archive/ustar_block.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace dind::archive {
namespace {

constexpr UstarField kSum = {148, 8};
constexpr std::size_t kTypeAt = 156;
constexpr UstarField kMagic = {257, 8};
constexpr unsigned char kBase256 = 0x80;

} // namespace

UstarBlock::UstarBlock(char type) {
  block_[kTypeAt] = static_cast<std::byte>(type);
  put_text(kMagic, std::string_view("ustar\00000", kMagic.size));
}

void UstarBlock::put_text(UstarField field, std::string_view text) {
  std::memcpy(block_.data() + field.at, text.data(), std::min(text.size(), field.size));
}

void UstarBlock::put_octal(UstarField field, std::uint64_t value) {
  put_text(field, fmt::format("{:0{}o}", value, field.size - 1));
}

void UstarBlock::put_size(std::uint64_t size) {
  if (size <= octal_limit(kUstarSize)) {
    put_octal(kUstarSize, size);
    return;
  }
  for (std::size_t i = 0; i < sizeof size; ++i) {
    block_[kUstarSize.at + kUstarSize.size - 1 - i] = static_cast<std::byte>(size >> (8 * i));
  }
  block_[kUstarSize.at] = std::byte{kBase256};
}

const std::array<std::byte, kTarBlock>& UstarBlock::finish() {
  put_text(kSum, "        "); // summed as blanks
  unsigned sum = 0;
  for (const std::byte byte : block_) {
    sum += std::to_integer<unsigned>(byte);
  }
  put_text(kSum, fmt::format("{:06o}", sum) + '\0' + ' ');
  return block_;
}

} // namespace dind::archive
