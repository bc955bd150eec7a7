#include <blobs/tar_cursor.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace dind::blobs {
namespace {

constexpr std::size_t kMostCheckpoints = 64;
constexpr std::uint64_t kFirstDistance = 1U << 20U;
// A layer with ten million members has less. One that claims more is not worth the time.
constexpr std::uint64_t kMostJson = std::uint64_t{16} << 30U;

Result<void> skip(InflatedFile& json, std::uint64_t count) {
  std::array<std::byte, 4096> scratch;
  while (count != 0) {
    const std::size_t got =
        TRY(json.read(std::span(scratch).first(std::min<std::uint64_t>(count, scratch.size()))));
    if (got == 0) {
      return input_error("the tar-split has changed");
    }
    count -= got;
  }
  return {};
}

std::uint64_t size_of(const tar_split::Item& item) {
  const auto* segment = std::get_if<tar_split::Segment>(&item);
  return segment ? segment->bytes.size() : std::get<tar_split::File>(item).size;
}

} // namespace

Checkpoints::Checkpoints(const Fd& tar_split) : distance_(kFirstDistance) {
  list_.push_back(std::make_shared<Checkpoint>(Checkpoint{InflatedFile(tar_split), 0, 0}));
}

std::shared_ptr<const Checkpoint> Checkpoints::before(std::uint64_t tar_at) const {
  const std::lock_guard lock(mutex_);
  const auto behind =
      std::upper_bound(list_.begin(), list_.end(), tar_at,
                       [](std::uint64_t at, const auto& one) { return at < one->tar_at; });
  return *std::prev(behind); // the first one is at 0
}

bool Checkpoints::wants_one_at(std::uint64_t json_at) const {
  const std::lock_guard lock(mutex_);
  return json_at >= list_.back()->json.offset() + distance_;
}

void Checkpoints::add(Checkpoint checkpoint) {
  const std::lock_guard lock(mutex_);
  if (checkpoint.json.offset() < list_.back()->json.offset() + distance_) {
    return; // another cursor was here first
  }
  list_.push_back(std::make_shared<Checkpoint>(std::move(checkpoint)));
  if (list_.size() <= kMostCheckpoints) {
    return;
  }
  std::vector<std::shared_ptr<const Checkpoint>> kept;
  for (std::size_t i = 0; i < list_.size(); i += 2) {
    kept.push_back(std::move(list_[i]));
  }
  list_ = std::move(kept);
  distance_ *= 2;
}

TarCursor::TarCursor(const Checkpoint& from, std::uint64_t bytes, Checkpoints& checkpoints,
                     const tar_split::OpenPayload& open_payload)
    : json_(from.json), json_start_(json_.offset()), lines_(json_, from.line), bytes_(bytes),
      checkpoints_(checkpoints), open_payload_(open_payload), begin_(from.tar_at),
      end_(from.tar_at) {}

Result<void> TarCursor::read(std::uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    while (offset >= end_) {
      TRY(advance());
    }
    const auto wanted = into.first(std::min<std::uint64_t>(into.size(), end_ - offset));
    const std::size_t got = TRY(read_item(offset - begin_, wanted));
    offset += got;
    into = into.subspan(got);
  }
  return {};
}

Result<void> TarCursor::advance() {
  std::optional<tar_split::Item> next = TRY(lines_.next());
  if (!next) {
    return input_error("the tar-split ends at byte {} of {}", end_, bytes_);
  }
  const std::uint64_t size = size_of(*next);
  if (size > bytes_ - end_ || json_.offset() > kMostJson) {
    return input_error("the tar-split says more than a tar of {} bytes can have", bytes_);
  }
  item_ = *std::move(next);
  payload_.reset();
  begin_ = end_;
  end_ += size;
  return lay_checkpoint();
}

// What was inflated is ahead of the lines, so a place is remembered until they have come there.
Result<void> TarCursor::lay_checkpoint() {
  const std::uint64_t line_at = json_start_ + lines_.offset();
  if (place_ && place_->offset() <= line_at) {
    TRY(skip(*place_, line_at - place_->offset()));
    checkpoints_.add({*place_, lines_.position(), end_});
    place_.reset();
  }
  if (!place_ && checkpoints_.wants_one_at(json_.offset())) {
    place_.emplace(json_);
  }
  return {};
}

Result<std::size_t> TarCursor::read_item(std::uint64_t offset, std::span<std::byte> into) {
  if (const auto* segment = std::get_if<tar_split::Segment>(&item_)) {
    std::memcpy(into.data(), segment->bytes.data() + offset, into.size());
    return into.size();
  }
  if (!payload_) {
    payload_.emplace(
        TRY(tar_split::Payload::open(std::get<tar_split::File>(item_), open_payload_)));
  }
  return payload_->read(offset, into);
}

} // namespace dind::blobs
