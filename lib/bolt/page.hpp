#pragma once

#include <base/result.hpp>
#include <bolt/layout.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dind::bolt {

enum class ItemKind { value, bucket };

// A key of a bucket and what it leads to.
struct Item {
  std::string_view key;
  std::string_view value; // of a bucket: its header, and its page where that is inline
  ItemKind kind = ItemKind::value;
};

// A page of a tree whose elements are known to lie inside of it, to be no larger than it all
// together, and to have ascending keys.
class Page {
public:
  // `bytes` from its header to the end of its last overflow page. The error says what is wrong
  // with it, not which page it is.
  static Result<Page> parse(std::string bytes);

  bool is_leaf() const { return header_.flags == kLeafPage; }
  std::size_t count() const { return header_.count; }

  // Valid while the page is neither moved nor gone.
  std::string_view key(std::size_t element) const;
  Item item(std::size_t element) const;    // of a leaf
  PageId child(std::size_t element) const; // of a branch

  // The last element whose key is `wanted` or comes before it.
  std::optional<std::size_t> last_up_to(std::string_view wanted) const;

private:
  Page(std::string bytes, const PageHeader& header) : bytes_(std::move(bytes)), header_(header) {}

  struct Place {
    std::uint64_t start = 0; // of the key, which the value follows
    std::uint64_t key_size = 0;
    std::uint64_t value_size = 0;
  };
  Place place(std::size_t element) const;
  Result<void> check_places() const;
  Result<void> check_element(std::size_t element) const;

  std::string bytes_;
  PageHeader header_;
};

} // namespace dind::bolt
