#include <bolt/bucket.hpp>

#include <bolt/little_endian.hpp>

namespace dind::bolt {
namespace {

constexpr unsigned kMostLevels = 32; // a branch of two children each would reach 2^32 leaves
constexpr unsigned kMostDepth = 64;

} // namespace

Bucket Bucket::root_of(std::shared_ptr<Database> database) {
  const BucketHeader header = database->meta().root;
  return Bucket(std::move(database), header, 0);
}

Result<std::optional<std::string>> Bucket::get(std::string_view key) const {
  std::optional<std::string> value;
  const Node root = TRY(root_node());
  TRY(find(root, key, [&value](const Item& item) -> Result<void> {
    if (item.kind == ItemKind::value) {
      value.emplace(item.value);
    }
    return {};
  }));
  return value;
}

Result<std::optional<Bucket>> Bucket::bucket(std::string_view key) const {
  std::optional<Bucket> found;
  const auto open = [&](const Item& item) -> Result<void> {
    if (item.kind == ItemKind::bucket) {
      found.emplace(TRY(child(item)));
    }
    return {};
  };
  const Node root = TRY(root_node());
  TRY(find(root, key, open));
  return found;
}

Result<void> Bucket::each(const Visit& visit) const {
  const Node root = TRY(root_node());
  return walk(root, visit);
}

Result<Bucket> Bucket::child(const Item& item) const {
  if (depth_ == kMostDepth) {
    return damaged(fmt::format("buckets lie in each other more than {} deep", kMostDepth));
  }
  Bucket child(database_, {load<std::uint64_t>(item.value, 0), load<std::uint64_t>(item.value, 8)},
               depth_ + 1);
  if (child.header_.root == 0) {
    auto page = Page::parse(std::string(item.value.substr(kBucketHeaderSize)));
    if (!page || !page->is_leaf()) {
      return damaged("a bucket's inline page is " +
                     (page ? "no leaf" : "damaged: " + page.error().describe()));
    }
    child.inline_page_ = std::make_shared<const Page>(std::move(page).value());
  }
  return child;
}

Result<Bucket::Node> Bucket::root_node() const {
  if (inline_page_) {
    return Node{inline_page_, std::nullopt, 0};
  }
  return Node{std::make_shared<const Page>(TRY(database_->read_page(header_.root))), std::nullopt,
              0};
}

Result<Bucket::Node> Bucket::node_below(const Node& branch, std::size_t element) const {
  if (branch.level + 1 == kMostLevels) {
    return damaged(fmt::format("a tree of more than {} levels", kMostLevels));
  }
  const PageId id = branch.page->child(element);
  Node node{std::make_shared<const Page>(TRY(database_->read_page(id))), branch.end,
            branch.level + 1};
  if (element + 1 < branch.page->count()) {
    node.end = branch.page->key(element + 1);
  }
  const std::size_t count = node.page->count();
  if (count == 0 || node.page->key(0) < branch.page->key(element) ||
      (node.end && node.page->key(count - 1) >= *node.end)) {
    return damaged(fmt::format("page {}: has not the keys that its parent names", id));
  }
  return node;
}

Result<void> Bucket::walk(const Node& node, const Visit& visit) const {
  for (std::size_t element = 0; element < node.page->count(); ++element) {
    if (node.page->is_leaf()) {
      TRY(visit(node.page->item(element)));
    } else {
      const Node below = TRY(node_below(node, element));
      TRY(walk(below, visit));
    }
  }
  return {};
}

Result<void> Bucket::find(const Node& node, std::string_view key, const Visit& visit) const {
  const std::optional<std::size_t> element = node.page->last_up_to(key);
  if (!element) {
    return {};
  }
  if (!node.page->is_leaf()) {
    const Node below = TRY(node_below(node, *element));
    return find(below, key, visit);
  }
  const Item item = node.page->item(*element);
  return item.key == key ? visit(item) : Result<void>();
}

Error Bucket::damaged(std::string_view what) const {
  return input_error("{}: {}", database_->name(), what);
}

} // namespace dind::bolt
