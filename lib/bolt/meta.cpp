#include <bolt/meta.hpp>

#include <bolt/little_endian.hpp>

#include <bit>

namespace dind::bolt {
namespace {

constexpr std::uint32_t kMagic = 0xED0CDAED;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint64_t kNoFreeList = 0xFFFFFFFFFFFFFFFF;
constexpr PageId kFirstTreePage = 2; // behind the meta pages
constexpr std::size_t kChecksumAt = 72;

// FNV-1a of 64 bits.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = 0xCBF29CE484222325;
  for (const char byte : bytes) {
    sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  }
  return sum;
}

std::string_view summed(std::string_view page) {
  return page.substr(kPageHeaderSize, kChecksumAt - kPageHeaderSize);
}

bool is_page_size(std::uint32_t size) {
  return std::has_single_bit(size) && size >= kSmallestPage && size <= kLargestPage;
}

} // namespace

std::optional<Meta> decode_meta(std::string_view page) {
  if (page.size() < kMetaSize || load<std::uint32_t>(page, 16) != kMagic ||
      load<std::uint32_t>(page, 20) != kVersion ||
      load<std::uint64_t>(page, kChecksumAt) != checksum(summed(page))) {
    return std::nullopt;
  }
  const Meta meta{.page_size = load<std::uint32_t>(page, 24),
                  .root = {load<std::uint64_t>(page, 32), load<std::uint64_t>(page, 40)},
                  .high_water = load<std::uint64_t>(page, 56),
                  .transaction = load<std::uint64_t>(page, 64)};
  if (!is_page_size(meta.page_size) || meta.root.root < kFirstTreePage) {
    return std::nullopt;
  }
  return meta;
}

std::string encode_meta(const Meta& meta) {
  std::string page;
  append_page_header(page, {meta.transaction % 2, kMetaPage, 0, 0});
  append(page, kMagic);
  append(page, kVersion);
  append(page, meta.page_size);
  append(page, std::uint32_t{0});
  append(page, meta.root.root);
  append(page, meta.root.sequence);
  append(page, kNoFreeList);
  append(page, meta.high_water);
  append(page, meta.transaction);
  append(page, checksum(summed(page)));
  page.resize(meta.page_size);
  return page;
}

} // namespace dind::bolt
