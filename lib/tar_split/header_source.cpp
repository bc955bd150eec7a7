#include <tar_split/header_source.hpp>

#include <archive/tar_header.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

namespace dind::tar_split {
namespace {

// Each has a block at least, and a reader of tars is not further ahead than it reads at a time.
constexpr std::size_t kMostAhead = archive::kReadSize / archive::kTarBlock + 1;

} // namespace

// Takes up the next item; false at the end.
Result<bool> HeaderSource::advance() {
  std::optional<Item> item = TRY(items_.next());
  if (!item) {
    return false;
  }
  if (auto* bytes = std::get_if<Segment>(&*item)) {
    segment_ = std::move(bytes->bytes);
    segment_at_ = 0;
    return true;
  }
  if (files_.size() == kMostAhead) {
    return input_error("tar-split names more files than the tar has headers");
  }
  files_.push_back(std::get<File>(std::move(*item)));
  zeros_ = files_.back().size;
  return true;
}

Result<std::size_t> HeaderSource::read(std::span<std::byte> into) {
  while (is_used_up()) {
    if (!TRY(advance())) {
      return std::size_t{0};
    }
  }
  std::size_t count = std::min(into.size(), segment_.size() - segment_at_);
  if (count != 0) {
    std::memcpy(into.data(), segment_.data() + segment_at_, count);
    segment_at_ += count;
  } else if (!files_.empty()) {
    return input_error("tar-split has content where the tar has no file");
  } else {
    count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), zeros_));
    std::memset(into.data(), 0, count);
    zeros_ -= count;
  }
  offset_ += count;
  return count;
}

Result<File> HeaderSource::next_file() {
  if (files_.empty() && is_used_up()) {
    std::ignore = TRY(advance());
  }
  if (files_.empty()) {
    return input_error("tar-split does not name each file of the tar");
  }
  File file = std::move(files_.front());
  files_.pop_front();
  return file;
}

} // namespace dind::tar_split
