#include <archive/tar_split_source.hpp>

#include <archive/crc64.hpp>
#include <archive/tar_split_reader.hpp>
#include <base/utf8.hpp>
#include <sys/file.hpp>

#include <sys/stat.h>

#include <cstring>
#include <utility>

namespace dind::archive {

struct TarSplitSource::State {
  State(ByteSource& json, OpenPayload open) : items(json), open_payload(std::move(open)) {}

  Result<bool> advance();
  Result<void> begin_file(SplitFile next);
  Result<std::size_t> read_segment(std::span<std::byte> into);
  Result<std::size_t> read_file(std::span<std::byte> into);

  TarSplitReader items;
  OpenPayload open_payload;
  std::string segment;
  std::size_t segment_at = 0;
  SplitFile file;
  Fd payload;
  std::uint64_t left = 0; // of the payload
  Crc64Iso checksum;
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
  TRY(begin_file(std::get<SplitFile>(std::move(*item))));
  return true;
}

Result<void> TarSplitSource::State::begin_file(SplitFile next) {
  file = std::move(next);
  left = file.size;
  if (left == 0) {
    return {};
  }
  auto opened = open_payload(file.name);
  if (!opened) {
    return std::move(opened).error().within(printable(file.name));
  }
  payload = std::move(opened).value();
  const struct stat found = TRY(sys::stat_of(payload));
  if (!S_ISREG(found.st_mode)) {
    return input_error("{}: not a regular file", printable(file.name));
  }
  if (static_cast<std::uint64_t>(found.st_size) != file.size) {
    return input_error("{}: {} bytes instead of {}", printable(file.name), found.st_size,
                       file.size);
  }
  checksum = Crc64Iso();
  return {};
}

Result<std::size_t> TarSplitSource::State::read_segment(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), segment.size() - segment_at);
  std::memcpy(into.data(), segment.data() + segment_at, count);
  segment_at += count;
  return count;
}

Result<std::size_t> TarSplitSource::State::read_file(std::span<std::byte> into) {
  const auto wanted = into.first(std::min<std::uint64_t>(into.size(), left));
  const auto outcome = sys::read_some(payload, wanted);
  if (!outcome) {
    return Error(outcome.error()).within(printable(file.name));
  }
  const std::size_t got = *outcome;
  if (got == 0) {
    return input_error("{}: ends {} bytes too early", printable(file.name), left);
  }
  checksum.update(wanted.first(got));
  left -= got;
  if (left == 0) {
    payload = Fd();
    if (checksum.value() != file.crc64) {
      return input_error("{}: its content has another checksum than the layer's",
                         printable(file.name));
    }
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
    } else if (state_->left != 0) {
      have += TRY(state_->read_file(room));
    } else if (!TRY(state_->advance())) {
      break;
    }
  }
  return have;
}

} // namespace dind::archive
