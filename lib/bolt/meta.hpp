#pragma once

#include <bolt/layout.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dind::bolt {

// What a meta page says (bbolt's page.go and db.go). A file has two, pages 0 and 1: the valid one
// of the higher transaction counts, and transaction n writes page n mod 2, so that a torn write
// leaves the state before it.
struct Meta {
  std::uint32_t page_size = 0; // bytes
  BucketHeader root = {};
  PageId high_water = 0; // the first page that is not in use yet
  std::uint64_t transaction = 0;
};

inline constexpr std::size_t kMetaSize = 80; // bytes of the page that count

// Nothing where the page is none, is torn, or holds what no writer writes.
std::optional<Meta> decode_meta(std::string_view page);

// A whole page. The free list is "not stored": bbolt finds free pages by what is not reachable.
std::string encode_meta(const Meta& meta);

} // namespace dind::bolt
