#include <archive/tar_split_source.hpp>

#include <archive/tar_split_reader.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace dind::archive {

struct TarSplitSource::State {
  State(ByteSource& json, OpenPayload open) : items(json), open_payload(std::move(open)) {}

  Result<bool> advance();
  Result<std::size_t> read_segment(std::span<std::byte> into);
  Result<std::size_t> read_file(std::span<std::byte> into);

  TarSplitReader items;
  OpenPayload open_payload;
  std::string segment;
  std::size_t segment_at = 0;
  std::optional<SplitPayload> payload; // until it is used up
  std::uint64_t payload_at = 0;
};

// Takes up the next item; false at the end.
Result<bool> TarSplitSource::State::advance() {
  std::optional<SplitItem> item = TRY(items.next());
  if (!item) {
    return false;
  }
  if (auto* bytes = std::get_if<SplitSegment>(&*item)) {
    segment = std::move(bytes->bytes);
    segment_at = 0;
    return true;
  }
  auto& file = std::get<SplitFile>(*item);
  if (file.size != 0) {
    payload.emplace(TRY(SplitPayload::open(std::move(file), open_payload)));
    payload_at = 0;
  }
  return true;
}

Result<std::size_t> TarSplitSource::State::read_segment(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), segment.size() - segment_at);
  std::memcpy(into.data(), segment.data() + segment_at, count);
  segment_at += count;
  return count;
}

Result<std::size_t> TarSplitSource::State::read_file(std::span<std::byte> into) {
  const std::size_t got = TRY(payload->read(payload_at, into));
  payload_at += got;
  if (payload_at == payload->size()) {
    payload.reset();
  }
  return got;
}

TarSplitSource::TarSplitSource(ByteSource& json, OpenPayload open_payload)
    : state_(std::make_unique<State>(json, std::move(open_payload))) {}

TarSplitSource::~TarSplitSource() = default;

Result<std::size_t> TarSplitSource::read(std::span<std::byte> into) {
  std::size_t have = 0;
  while (have < into.size()) {
    const std::span<std::byte> room = into.subspan(have);
    if (state_->segment_at < state_->segment.size()) {
      have += TRY(state_->read_segment(room));
    } else if (state_->payload) {
      have += TRY(state_->read_file(room));
    } else if (!TRY(state_->advance())) {
      break;
    }
  }
  return have;
}

} // namespace dind::archive
