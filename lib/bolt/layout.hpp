#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dind::bolt {

// How bbolt lays a file out (its page.go and bucket.go).

// A page's place in its file, in pages.
using PageId = std::uint64_t;

inline constexpr std::uint32_t kSmallestPage = 4096;
inline constexpr std::uint32_t kLargestPage = 65536;

// What stands for a bucket in its parent: 16 bytes. Root 0: the bucket's only page, a leaf, follows
// in the same value ("inline").
struct BucketHeader {
  PageId root = 0;
  std::uint64_t sequence = 0; // a counter that belongs to who uses the bucket
};
inline constexpr std::size_t kBucketHeaderSize = 16;

// How a page begins.
struct PageHeader {
  PageId id = 0;
  std::uint16_t flags = 0;
  std::uint16_t count = 0;    // elements
  std::uint32_t overflow = 0; // further pages that its content takes
};
inline constexpr std::size_t kPageHeaderSize = 16;
inline constexpr std::size_t kElementSize = 16;
inline constexpr std::uint16_t kBranchPage = 1;
inline constexpr std::uint16_t kLeafPage = 2;
inline constexpr std::uint16_t kMetaPage = 4;

PageHeader decode_page_header(std::string_view page);
void append_page_header(std::string& to, const PageHeader& header);

} // namespace dind::bolt
