#include <bolt/page_appender.hpp>

#include <bolt/little_endian.hpp>

#include <vector>

namespace dind::bolt {
namespace {

constexpr std::size_t kFewestChildren = 2; // a branch of one leads nowhere new

std::size_t size_of(const Item& item) {
  return kElementSize + item.key.size() + item.value.size();
}

// How many of the first `elements` a page takes: as many as fit, and at least `fewest`. A rest that
// is smaller than that goes in with them, and the page has an overflow page then.
template <typename Element, typename SizeOf>
std::size_t count_that_fits(std::span<const Element> elements, std::size_t page_size,
                            std::size_t fewest, const SizeOf& size_of_element) {
  std::size_t count = 0;
  for (std::size_t size = kPageHeaderSize; count < elements.size(); ++count) {
    size += size_of_element(elements[count]);
    if (size > page_size && count >= fewest) {
      break;
    }
  }
  return elements.size() - count < fewest ? elements.size() : count;
}

} // namespace

std::size_t leaf_size(std::span<const Item> items) {
  std::size_t size = kPageHeaderSize;
  for (const Item& item : items) {
    size += size_of(item);
  }
  return size;
}

std::string make_leaf(PageId id, std::span<const Item> items, std::uint32_t overflow) {
  std::string page;
  append_page_header(page, {id, kLeafPage, static_cast<std::uint16_t>(items.size()), overflow});
  std::size_t content = kPageHeaderSize + items.size() * kElementSize;
  for (const Item& item : items) {
    append(page, std::uint32_t{item.kind == ItemKind::bucket});
    append(page, static_cast<std::uint32_t>(content - (page.size() - sizeof(std::uint32_t))));
    append(page, static_cast<std::uint32_t>(item.key.size()));
    append(page, static_cast<std::uint32_t>(item.value.size()));
    content += item.key.size() + item.value.size();
  }
  for (const Item& item : items) {
    page.append(item.key).append(item.value);
  }
  return page;
}

PageId PageAppender::add_tree(std::span<const Item> items) {
  std::vector<Child> level;
  do {
    const std::size_t count = count_that_fits(items, page_size_, 1, size_of);
    level.push_back(add_leaf(items.first(count)));
    items = items.subspan(count);
  } while (!items.empty());
  while (level.size() > 1) {
    std::vector<Child> above;
    for (std::span<const Child> rest = level; !rest.empty();) {
      const std::size_t count =
          count_that_fits(rest, page_size_, kFewestChildren,
                          [](const Child& child) { return kElementSize + child.key.size(); });
      above.push_back(add_branch(rest.first(count)));
      rest = rest.subspan(count);
    }
    level = std::move(above);
  }
  return level.front().id;
}

PageAppender::Child PageAppender::add_leaf(std::span<const Item> items) {
  const PageId id = high_water();
  add_page(make_leaf(id, items, overflow_of(leaf_size(items))));
  return {items.empty() ? std::string_view() : items.front().key, id};
}

PageAppender::Child PageAppender::add_branch(std::span<const Child> children) {
  const PageId id = high_water();
  std::size_t content = kPageHeaderSize + children.size() * kElementSize;
  std::size_t size = content;
  for (const Child& child : children) {
    size += child.key.size();
  }
  std::string page;
  append_page_header(
      page, {id, kBranchPage, static_cast<std::uint16_t>(children.size()), overflow_of(size)});
  for (const Child& child : children) {
    append(page, static_cast<std::uint32_t>(content - page.size()));
    append(page, static_cast<std::uint32_t>(child.key.size()));
    append(page, child.id);
    content += child.key.size();
  }
  for (const Child& child : children) {
    page.append(child.key);
  }
  add_page(page);
  return {children.front().key, id};
}

std::uint32_t PageAppender::overflow_of(std::size_t size) const {
  return static_cast<std::uint32_t>((size - 1) / page_size_);
}

void PageAppender::add_page(std::string_view content) {
  pages_.append(content);
  pages_.resize((pages_.size() + page_size_ - 1) / page_size_ * page_size_);
}

} // namespace dind::bolt
