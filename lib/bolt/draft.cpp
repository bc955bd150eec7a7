#include <bolt/draft.hpp>

#include <bolt/little_endian.hpp>

#include <algorithm>
#include <span>

namespace dind::bolt {
namespace {

constexpr std::size_t kLongestKey = 32768;     // bbolt's MaxKeySize
constexpr std::size_t kLongestValue = 8 << 20; // a page that is read again

Result<void> check_key(std::string_view key) {
  if (key.empty() || key.size() > kLongestKey) {
    return input_error("a key of {} bytes", key.size());
  }
  return {};
}

std::string header_bytes(const BucketHeader& header) {
  std::string bytes;
  append(bytes, header.root);
  append(bytes, header.sequence);
  return bytes;
}

// bbolt's rule: without buckets of its own, and at most a quarter of a page.
bool fits_inline(std::span<const Item> items, std::uint32_t page_size) {
  return leaf_size(items) <= page_size / 4 &&
         std::none_of(items.begin(), items.end(),
                      [](const Item& item) { return item.kind == ItemKind::bucket; });
}

} // namespace

Result<void> Draft::set_sequence(std::uint64_t sequence) {
  if (sequence != sequence_) {
    TRY(entries()); // they go into the new tree
    sequence_ = sequence;
    changed_ = true;
  }
  return {};
}

Result<std::optional<std::string>> Draft::get(std::string_view key) {
  const Entries& known = *TRY(entries());
  const auto found = known.find(key);
  return found == known.end() || found->second.kind == ItemKind::bucket
             ? std::nullopt
             : std::optional(found->second.bytes);
}

Result<void> Draft::put(std::string_view key, std::string_view value) {
  TRY(check_key(key));
  if (value.size() > kLongestValue) {
    return input_error("a value of {} bytes", value.size());
  }
  Entries& known = *TRY(entries());
  const auto [place, added] = known.try_emplace(std::string(key));
  Entry& entry = place->second;
  if (entry.kind == ItemKind::bucket) {
    return input_error("{} is a bucket", key);
  }
  if (added || entry.bytes != value) {
    entry.bytes = value;
    changed_ = true;
  }
  return {};
}

Result<Draft*> Draft::find_bucket(std::string_view key) {
  Entries& known = *TRY(entries());
  const auto found = known.find(key);
  if (found == known.end() || found->second.kind == ItemKind::value) {
    return static_cast<Draft*>(nullptr);
  }
  Entry& entry = found->second;
  if (!entry.opened) {
    entry.opened = std::make_unique<Draft>(TRY(source_->child({key, entry.bytes, entry.kind})));
  }
  return entry.opened.get();
}

Result<Draft*> Draft::make_bucket(std::string_view key) {
  TRY(check_key(key));
  if (Draft* const found = TRY(find_bucket(key)); found != nullptr) {
    return found;
  }
  const auto [place, added] = loaded_->try_emplace(std::string(key));
  if (!added) {
    return input_error("{} is no bucket", key);
  }
  place->second = {{}, ItemKind::bucket, std::make_unique<Draft>()};
  return place->second.opened.get();
}

Result<void> Draft::erase(std::string_view key) {
  Entries& known = *TRY(entries());
  const auto found = known.find(key);
  if (found != known.end()) {
    known.erase(found);
    changed_ = true;
  }
  return {};
}

Result<void> Draft::each(const Bucket::Visit& visit) {
  for (const auto& [key, entry] : *TRY(entries())) {
    const bool is_value = entry.kind == ItemKind::value;
    TRY(visit({key, is_value ? std::string_view(entry.bytes) : std::string_view(), entry.kind}));
  }
  return {};
}

bool Draft::changed() const {
  return changed_ || (loaded_ && std::any_of(loaded_->begin(), loaded_->end(), [](const auto& one) {
                        return one.second.opened && one.second.opened->changed();
                      }));
}

BucketHeader Draft::write_tree(PageAppender& pages) {
  const std::vector<Item> items = write_items(pages);
  return {pages.add_tree(items), sequence_};
}

std::string Draft::write_value(PageAppender& pages) {
  const std::vector<Item> items = write_items(pages);
  if (fits_inline(items, pages.page_size())) {
    return header_bytes({0, sequence_}) + make_leaf(0, items, 0);
  }
  return header_bytes({pages.add_tree(items), sequence_});
}

Result<Draft::Entries*> Draft::entries() {
  if (!loaded_) {
    Entries known;
    if (source_) {
      TRY(source_->each([&known](const Item& item) -> Result<void> {
        known.emplace_hint(known.end(), item.key,
                           Entry{std::string(item.value), item.kind, nullptr});
        return {};
      }));
    }
    loaded_ = std::move(known);
  }
  return &*loaded_;
}

// Views of the entries, which stay as they are until the pages are made. The bytes of the buckets
// that changed become those of the new pages.
std::vector<Item> Draft::write_items(PageAppender& pages) {
  std::vector<Item> items;
  for (auto& [key, entry] : *loaded_) {
    if (entry.opened && entry.opened->changed()) {
      entry.bytes = entry.opened->write_value(pages);
    }
    items.push_back({key, entry.bytes, entry.kind});
  }
  return items;
}

} // namespace dind::bolt
