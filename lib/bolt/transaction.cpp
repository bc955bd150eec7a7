#include <bolt/transaction.hpp>

#include <bolt/bucket.hpp>

#include <algorithm>

namespace dind::bolt {

Transaction::Transaction(std::shared_ptr<Database> database)
    : database_(std::move(database)), root_(Bucket::root_of(database_)) {}

Result<std::uint64_t> Transaction::commit() {
  if (!root_.changed()) {
    return std::uint64_t{0};
  }
  Meta meta = database_->meta();
  PageAppender pages(meta.high_water, meta.page_size);
  meta.root = root_.write_tree(pages);
  meta.high_water = pages.high_water();
  ++meta.transaction;
  TRY(database_->append(pages.pages(), meta));
  return pages.pages().size() + meta.page_size;
}

std::string make_database(Draft& root) {
  constexpr std::size_t kSmallestFile = 32768;
  PageAppender pages(2, kSmallestPage);
  Meta meta{.page_size = kSmallestPage, .root = root.write_tree(pages)};
  meta.high_water = pages.high_water();
  std::string file = encode_meta(meta);
  ++meta.transaction;
  file.append(encode_meta(meta)).append(pages.pages());
  file.resize(std::max(file.size(), kSmallestFile));
  return file;
}

} // namespace dind::bolt
