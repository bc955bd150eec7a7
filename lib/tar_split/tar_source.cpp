#include <tar_split/tar_source.hpp>

#include <tar_split/reader.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace dind::tar_split {

struct TarSource::State {
  State(archive::ByteSource& json, OpenPayload open) : items(json), open_payload(std::move(open)) {}

  Result<bool> advance();
  Result<std::size_t> read_segment(std::span<std::byte> into);
  Result<std::size_t> read_file(std::span<std::byte> into);

  Reader items;
  OpenPayload open_payload;
  std::string segment;
  std::size_t segment_at = 0;
  std::optional<Payload> payload; // until it is used up
  std::uint64_t payload_at = 0;
};

// Takes up the next item; false at the end.
Result<bool> TarSource::State::advance() {
  std::optional<Item> item = TRY(items.next());
  if (!item) {
    return false;
  }
  if (auto* bytes = std::get_if<Segment>(&*item)) {
    segment = std::move(bytes->bytes);
    segment_at = 0;
    return true;
  }
  auto& file = std::get<File>(*item);
  if (file.size != 0) {
    payload.emplace(TRY(Payload::open(std::move(file), open_payload)));
    payload_at = 0;
  }
  return true;
}

Result<std::size_t> TarSource::State::read_segment(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), segment.size() - segment_at);
  std::memcpy(into.data(), segment.data() + segment_at, count);
  segment_at += count;
  return count;
}

Result<std::size_t> TarSource::State::read_file(std::span<std::byte> into) {
  const std::size_t got = TRY(payload->read(payload_at, into));
  payload_at += got;
  if (payload_at == payload->size()) {
    payload.reset();
  }
  return got;
}

TarSource::TarSource(archive::ByteSource& json, OpenPayload open_payload)
    : state_(std::make_unique<State>(json, std::move(open_payload))) {}

TarSource::~TarSource() = default;

Result<std::size_t> TarSource::read(std::span<std::byte> into) {
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

} // namespace dind::tar_split
