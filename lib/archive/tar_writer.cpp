#include <archive/tar_writer.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace dind::archive {
namespace {

// Where the fields of a ustar header begin, and how long they are (POSIX.1, pax).
struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName = {0, 100};
constexpr Field kMode = {100, 8};
constexpr Field kUid = {108, 8};
constexpr Field kGid = {116, 8};
constexpr Field kSize = {124, 12};
constexpr Field kTime = {136, 12};
constexpr Field kSum = {148, 8};
constexpr std::size_t kType = 156;
constexpr Field kMagic = {257, 8};

constexpr std::uint64_t kFileMode = 0644;
constexpr std::uint64_t kOctalLimit = std::uint64_t{1} << 33U; // eleven octal digits
constexpr unsigned char kBase256 = 0x80;
constexpr std::size_t kEndBlocks = 2;

using Block = std::array<std::byte, kTarBlock>;

void put_text(Block& block, Field field, std::string_view text) {
  std::memcpy(block.data() + field.at, text.data(), std::min(text.size(), field.size));
}

void put_octal(Block& block, Field field, std::uint64_t value) {
  put_text(block, field, fmt::format("{:0{}o}", value, field.size - 1));
}

void put_size(Block& block, std::uint64_t size) {
  if (size < kOctalLimit) {
    put_octal(block, kSize, size);
    return;
  }
  for (std::size_t i = 0; i < sizeof size; ++i) {
    block[kSize.at + kSize.size - 1 - i] = static_cast<std::byte>(size >> (8 * i));
  }
  block[kSize.at] = std::byte{kBase256};
}

void put_checksum(Block& block) {
  put_text(block, kSum, "        "); // summed as blanks
  unsigned sum = 0;
  for (const std::byte byte : block) {
    sum += std::to_integer<unsigned>(byte);
  }
  put_text(block, kSum, fmt::format("{:06o}", sum) + '\0' + ' ');
}

} // namespace

Result<std::array<std::byte, kTarBlock>> print_file_header(const TarFile& file) {
  if (file.name.empty() || file.name.size() > kName.size) {
    return input_error("a name of {} bytes does not fit a tar header", file.name.size());
  }
  Block block{};
  put_text(block, kName, file.name);
  put_octal(block, kMode, kFileMode);
  put_octal(block, kUid, 0);
  put_octal(block, kGid, 0);
  put_size(block, file.size);
  put_octal(block, kTime, 0);
  block[kType] = std::byte{'0'};
  put_text(block, kMagic, std::string_view("ustar\00000", kMagic.size));
  put_checksum(block);
  return block;
}

Result<std::size_t> TarWriterSource::read(std::span<std::byte> into) {
  for (;;) {
    if (pending_at_ < pending_.size()) {
      const std::size_t count = std::min(into.size(), pending_.size() - pending_at_);
      std::memcpy(into.data(), pending_.data() + pending_at_, count);
      pending_at_ += count;
      return count;
    }
    if (left_ > 0) {
      return read_content(into);
    }
    if (ended_) {
      return std::size_t{0};
    }
    TRY(advance());
  }
}

Result<std::size_t> TarWriterSource::read_content(std::span<std::byte> into) {
  const auto wanted = into.first(std::min<std::uint64_t>(into.size(), left_));
  const std::size_t got = TRY(file_->content->read(wanted).within(file_->name));
  if (got == 0) {
    return input_error("{}: {} bytes too short", file_->name, left_);
  }
  left_ -= got;
  return got;
}

// Ends the file that was read, and begins the next one or the end of the tar.
Result<void> TarWriterSource::advance() {
  pending_.clear();
  pending_at_ = 0;
  if (file_) {
    std::byte more{};
    if (TRY(file_->content->read({&more, 1}).within(file_->name)) != 0) {
      return input_error("{}: longer than {} bytes", file_->name, file_->size);
    }
    pending_.append((kTarBlock - file_->size % kTarBlock) % kTarBlock, '\0');
    file_.reset();
  }
  file_ = TRY(next_());
  if (!file_) {
    pending_.append(kEndBlocks * kTarBlock, '\0');
    ended_ = true;
    return {};
  }
  const auto header = TRY(print_file_header(*file_));
  pending_.append(reinterpret_cast<const char*>(header.data()), header.size());
  left_ = file_->size;
  return {};
}

} // namespace dind::archive
