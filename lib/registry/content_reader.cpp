#include <registry/content_reader.hpp>

#include <sys/file.hpp>

#include <algorithm>
#include <utility>

namespace dind::registry {

Result<std::size_t> ContentReader::read(std::span<std::byte> into) {
  into = into.first(std::min<std::uint64_t>(into.size(), left()));
  if (into.empty()) {
    return std::size_t{0};
  }
  TRY(open());
  TRY(fill(into));
  done_ += into.size();
  TRY(check(into));
  return into.size();
}

void ContentReader::rest() {
  layer_.reset();
  file_ = Fd();
}

Result<void> ContentReader::open() {
  if (layer_ || file_) {
    return {};
  }
  if (slice_.content.form == Content::Form::made_layer) {
    layer_ = TRY(shelf_.open_layer(slice_.digest, slice_.content));
  } else {
    file_ = TRY(shelf_.open_file(slice_.digest, slice_.content));
  }
  return {};
}

Result<void> ContentReader::fill(std::span<std::byte> into) {
  for (std::uint64_t at = slice_.part.first + done_; !into.empty();) {
    const std::size_t got =
        TRY(layer_ ? layer_->read(at, into) : sys::read_some_at(file_, into, at));
    if (got == 0) {
      return input_error("it ends early");
    }
    at += got;
    into = into.subspan(got);
  }
  return {};
}

Result<void> ContentReader::check(std::span<const std::byte> got) {
  if (slice_.part != Part{0, slice_.content.size}) {
    return {};
  }
  hash_.update(got);
  if (left() == 0 && hash_.finish() != slice_.digest) {
    return input_error("it does not hash to its digest");
  }
  return {};
}

} // namespace dind::registry
