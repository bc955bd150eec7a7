#pragma once

#include <bolt/layout.hpp>
#include <bolt/page.hpp>

#include <span>
#include <string>
#include <string_view>

namespace dind::bolt {

// A leaf with `items`, whose keys ascend, from its header to its last value: what an inline bucket
// has behind its own header.
std::string make_leaf(PageId id, std::span<const Item> items, std::uint32_t overflow);
std::size_t leaf_size(std::span<const Item> items);

// Makes new pages at the end of a database, in memory. No page that is there is written again, so
// the state before stays whole whatever happens to what is made here.
class PageAppender {
public:
  PageAppender(PageId first, std::uint32_t page_size) : first_(first), page_size_(page_size) {}

  // Makes the tree of a bucket and returns its root. Pages are filled as far as they hold whole
  // elements: bbolt splits the one that it adds a key to.
  PageId add_tree(std::span<const Item> items);

  std::uint32_t page_size() const { return page_size_; }
  std::string_view pages() const { return pages_; }
  // The first page behind them.
  PageId high_water() const { return first_ + pages_.size() / page_size_; }

private:
  // A page below a branch.
  struct Child {
    std::string_view key; // its first
    PageId id = 0;
  };

  Child add_leaf(std::span<const Item> items);
  Child add_branch(std::span<const Child> children);
  std::uint32_t overflow_of(std::size_t size) const;
  void add_page(std::string_view content);

  PageId first_;
  std::uint32_t page_size_;
  std::string pages_;
};

} // namespace dind::bolt
