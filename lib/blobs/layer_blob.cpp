#include <blobs/layer_blob.hpp>

#include <cache/reader.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <utility>

namespace dind::blobs {
namespace {

constexpr std::size_t kMostCursors = 4;

} // namespace

Result<std::unique_ptr<LayerBlob>> LayerBlob::open(const Fd& cache, const Digest& diff_id,
                                                   std::uint64_t bytes) {
  Fd tree = TRY(cache::open_tree(cache, diff_id));
  Fd tar_split = TRY(cache::open_tar_split(cache, diff_id));
  return std::unique_ptr<LayerBlob>(new LayerBlob(std::move(tree), std::move(tar_split), bytes));
}

LayerBlob::LayerBlob(Fd tree, Fd tar_split, std::uint64_t bytes)
    : tree_(std::move(tree)), tar_split_(std::move(tar_split)), bytes_(bytes),
      open_payload_(tar_split::payloads_in(tree_)), checkpoints_(tar_split_) {}

Result<std::size_t> LayerBlob::read(std::uint64_t offset, std::span<std::byte> into) {
  if (offset >= bytes_) {
    return std::size_t{0};
  }
  into = into.first(std::min<std::uint64_t>(into.size(), bytes_ - offset));
  std::unique_ptr<TarCursor> cursor = TRY(take_cursor(offset));
  if (auto filled = cursor->read(offset, into); !filled) {
    return fail(std::move(filled).error());
  }
  give_back(std::move(cursor));
  return into.size();
}

// The one that has the shortest way to go, which may be a new one from a checkpoint.
Result<std::unique_ptr<TarCursor>> LayerBlob::take_cursor(std::uint64_t offset) {
  const std::shared_ptr<const Checkpoint> checkpoint = checkpoints_.before(offset);
  const std::lock_guard lock(mutex_);
  if (failure_) {
    return *failure_;
  }
  auto nearest = cursors_.end();
  std::uint64_t begin = checkpoint->tar_at;
  for (auto one = cursors_.begin(); one != cursors_.end(); ++one) {
    if ((*one)->at() >= begin && (*one)->at() <= offset) {
      nearest = one;
      begin = (*one)->at();
    }
  }
  if (nearest == cursors_.end()) {
    return std::make_unique<TarCursor>(*checkpoint, bytes_, checkpoints_, open_payload_);
  }
  std::unique_ptr<TarCursor> taken = std::move(*nearest);
  cursors_.erase(nearest);
  return taken;
}

void LayerBlob::give_back(std::unique_ptr<TarCursor> cursor) {
  const std::lock_guard lock(mutex_);
  if (cursors_.size() == kMostCursors) {
    cursors_.erase(cursors_.begin());
  }
  cursors_.push_back(std::move(cursor));
}

Error LayerBlob::fail(Error error) {
  const std::lock_guard lock(mutex_);
  failure_ = failure_ ? failure_ : error;
  return error;
}

} // namespace dind::blobs
