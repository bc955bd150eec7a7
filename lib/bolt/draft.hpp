#pragma once

#include <base/result.hpp>
#include <bolt/bucket.hpp>
#include <bolt/page_appender.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::bolt {

// A bucket that is being changed, in memory. What is in the file is read when the bucket is first
// asked for something; buckets in it that are not asked for keep the bytes that they have there,
// whatever they hold.
class Draft {
public:
  Draft() : loaded_(Entries()), changed_(true) {} // a new bucket, empty
  explicit Draft(Bucket source) : source_(std::move(source)), sequence_(source_->sequence()) {}

  std::uint64_t sequence() const { return sequence_; }
  Result<void> set_sequence(std::uint64_t sequence);

  // Nothing where the key is missing, or leads to a bucket.
  Result<std::optional<std::string>> get(std::string_view key);
  // An error where the key is a bucket's, empty, or longer than 32 KiB.
  Result<void> put(std::string_view key, std::string_view value);

  // Pointers stay valid until that bucket is erased. Null where the key is missing, or leads to a
  // value.
  Result<Draft*> find_bucket(std::string_view key);
  // The one that is there, or an empty one; an error where the key is a value's.
  Result<Draft*> make_bucket(std::string_view key);

  // Whatever the key leads to; a missing one is fine.
  Result<void> erase(std::string_view key);

  // All keys in order, those of buckets with an empty value. The draft must not be changed
  // meanwhile.
  Result<void> each(const Bucket::Visit& visit);

  // Whether it, or a bucket in it, is not what the file holds.
  bool changed() const;

  // Makes the pages of what has changed. The root of a database is a tree in any case; any other
  // bucket may be inline, and is what its parent has as its value.
  BucketHeader write_tree(PageAppender& pages);
  std::string write_value(PageAppender& pages);

private:
  struct Entry {
    std::string bytes; // a value, or a bucket as it was found
    ItemKind kind = ItemKind::value;
    std::unique_ptr<Draft> opened; // a bucket that was asked for
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Result<Entries*> entries();
  std::vector<Item> write_items(PageAppender& pages);

  std::optional<Bucket> source_;
  std::uint64_t sequence_ = 0;
  std::optional<Entries> loaded_;
  bool changed_ = false;
};

} // namespace dind::bolt
