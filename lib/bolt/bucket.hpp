#pragma once

#include <base/result.hpp>
#include <bolt/database.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dind::bolt {

// A bucket as it lies in its file: keys in the order of their bytes, each with a value or with a
// bucket of its own. It keeps its database open.
//
// A key costs the pages on the way to it, and no others are read. A tree of pages is held against
// itself on the way: keys are where their parent says that they are, at most 32 levels deep, and
// buckets lie in each other 64 times at most.
class Bucket {
public:
  // The bucket that holds all others.
  static Bucket root_of(std::shared_ptr<Database> database);

  std::uint64_t sequence() const { return header_.sequence; }

  // Nothing where the key is missing, or leads to the other kind.
  Result<std::optional<std::string>> get(std::string_view key) const;
  Result<std::optional<Bucket>> bucket(std::string_view key) const;

  // All items in order. They are valid during the call; its error ends the walk and is returned.
  using Visit = std::function<Result<void>(const Item&)>;
  Result<void> each(const Visit& visit) const;

  // The bucket that an item of this one stands for.
  Result<Bucket> child(const Item& item) const;

private:
  // A page of the tree, and where it is.
  struct Node {
    std::shared_ptr<const Page> page;
    std::optional<std::string_view> end; // a key that all of it comes before
    unsigned level = 0;
  };

  Bucket(std::shared_ptr<Database> database, const BucketHeader& header, unsigned depth)
      : database_(std::move(database)), header_(header), depth_(depth) {}

  Result<Node> root_node() const;
  Result<Node> node_below(const Node& branch, std::size_t element) const;
  Result<void> walk(const Node& node, const Visit& visit) const;
  Result<void> find(const Node& node, std::string_view key, const Visit& visit) const;
  Error damaged(std::string_view what) const;

  std::shared_ptr<Database> database_;
  BucketHeader header_;
  std::shared_ptr<const Page> inline_page_; // where the parent's value holds it
  unsigned depth_;                          // buckets around it
};

} // namespace dind::bolt
