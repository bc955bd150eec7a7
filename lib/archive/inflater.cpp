#include <archive/inflater.hpp>

#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <limits>

namespace dind::archive {
namespace {

constexpr int kGzipOnly = MAX_WBITS + 16; // zlib: with gzip's header and trailer

uInt count_of(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

} // namespace

Inflater::Inflater() : stream_(std::make_unique<z_stream>()) {
  [[maybe_unused]] const int made = ::inflateInit2(stream_.get(), kGzipOnly);
  assert(made == Z_OK);
}

Inflater::Inflater(const Inflater& other)
    : stream_(std::make_unique<z_stream>()), in_member_(other.in_member_) {
  [[maybe_unused]] const int made = ::inflateCopy(stream_.get(), other.stream_.get());
  assert(made == Z_OK);
}

Inflater::~Inflater() {
  ::inflateEnd(stream_.get());
}

Result<Inflater::Step> Inflater::step(std::span<const std::byte> input, std::span<std::byte> into) {
  if (!in_member_) {
    ::inflateReset(stream_.get());
    in_member_ = true;
  }
  const uInt available = count_of(input.size());
  const uInt room = count_of(into.size());
  // zlib's pointer is not to const, but it only reads.
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
  stream_->avail_in = available;
  stream_->next_out = reinterpret_cast<Bytef*>(into.data());
  stream_->avail_out = room;
  const int outcome = ::inflate(stream_.get(), Z_NO_FLUSH);
  switch (outcome) {
  case Z_STREAM_END:
    in_member_ = false;
    break;
  case Z_OK:
  case Z_BUF_ERROR: // no progress without more input, which is what comes next
    break;
  default:
    return input_error("the gzip stream is damaged: {}",
                       stream_->msg != nullptr ? stream_->msg : ::zError(outcome));
  }
  return Step{available - stream_->avail_in, room - stream_->avail_out};
}

} // namespace dind::archive
