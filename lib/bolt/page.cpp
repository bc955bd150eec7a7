#include <bolt/page.hpp>

#include <bolt/little_endian.hpp>

namespace dind::bolt {
namespace {

constexpr std::uint32_t kBucketElement = 1;

} // namespace

Result<Page> Page::parse(std::string bytes) {
  if (bytes.size() < kPageHeaderSize) {
    return input_error("shorter than a page's header");
  }
  const PageHeader header = decode_page_header(bytes);
  if (header.flags != kLeafPage && header.flags != kBranchPage) {
    return input_error("neither a leaf nor a branch (flags {:#x})", header.flags);
  }
  if (header.flags == kBranchPage && header.count == 0) {
    return input_error("a branch without children");
  }
  Page page(std::move(bytes), header);
  TRY(page.check_places());
  for (std::size_t element = 0; element < page.count(); ++element) {
    TRY(page.check_element(element).within(fmt::format("element {}", element)));
  }
  return page;
}

// A leaf's element is flags, place, key size, value size; a branch's is place, key size, child.
// Places count from the element itself.
Page::Place Page::place(std::size_t element) const {
  const std::size_t at = kPageHeaderSize + element * kElementSize;
  const std::string_view fields = std::string_view(bytes_).substr(at, kElementSize);
  if (is_leaf()) {
    return {at + load<std::uint32_t>(fields, 4), load<std::uint32_t>(fields, 8),
            load<std::uint32_t>(fields, 12)};
  }
  return {at + load<std::uint32_t>(fields, 0), load<std::uint32_t>(fields, 4), 0};
}

// Before anything is read by them. Together they must fit, too: elements that share bytes would
// make a small file large in memory.
Result<void> Page::check_places() const {
  const std::uint64_t content = kPageHeaderSize + count() * kElementSize;
  if (content > bytes_.size()) {
    return input_error("its {} elements do not fit", count());
  }
  std::uint64_t total = content;
  for (std::size_t element = 0; element < count(); ++element) {
    const Place found = place(element);
    const std::uint64_t size = found.key_size + found.value_size;
    total += size;
    if (found.start < content || found.start + size > bytes_.size() || total > bytes_.size()) {
      return input_error("element {} lies outside of it", element);
    }
  }
  return {};
}

Result<void> Page::check_element(std::size_t element) const {
  if (element > 0 && key(element) <= key(element - 1)) {
    return input_error("its key does not follow the one before");
  }
  if (!is_leaf()) {
    return {};
  }
  const auto flags = load<std::uint32_t>(bytes_, kPageHeaderSize + element * kElementSize);
  if (flags > kBucketElement) {
    return input_error("unknown flags {:#x}", flags);
  }
  const Item found = item(element);
  if (found.key.empty()) {
    return input_error("an empty key");
  }
  if (found.kind == ItemKind::bucket && found.value.size() < kBucketHeaderSize) {
    return input_error("too short for a bucket");
  }
  return {};
}

std::string_view Page::key(std::size_t element) const {
  const Place found = place(element);
  return std::string_view(bytes_).substr(found.start, found.key_size);
}

Item Page::item(std::size_t element) const {
  const Place found = place(element);
  const std::string_view bytes = bytes_;
  const auto flags = load<std::uint32_t>(bytes, kPageHeaderSize + element * kElementSize);
  return {bytes.substr(found.start, found.key_size),
          bytes.substr(found.start + found.key_size, found.value_size),
          flags == kBucketElement ? ItemKind::bucket : ItemKind::value};
}

PageId Page::child(std::size_t element) const {
  return load<std::uint64_t>(bytes_, kPageHeaderSize + element * kElementSize + 8);
}

std::optional<std::size_t> Page::last_up_to(std::string_view wanted) const {
  std::size_t first = 0;
  std::size_t end = count();
  while (first < end) {
    const std::size_t middle = first + (end - first) / 2;
    if (key(middle) <= wanted) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first == 0 ? std::nullopt : std::optional(first - 1);
}

} // namespace dind::bolt
