#include <blobs/inflated_file.hpp>

#include <sys/file.hpp>

namespace dind::blobs {
namespace {

constexpr std::size_t kInputSize = 32U << 10U;

} // namespace

InflatedFile::InflatedFile(const InflatedFile& other)
    : file_(other.file_), inflater_(other.inflater_), offset_(other.offset_),
      file_at_(other.file_at_ - other.input_.size()) {}

// What comes next of the file; empty at its end.
Result<std::span<const std::byte>> InflatedFile::peek() {
  if (input_.empty()) {
    if (!buffer_) {
      buffer_ = std::make_unique_for_overwrite<std::byte[]>(kInputSize);
    }
    const std::span<std::byte> room(buffer_.get(), kInputSize);
    const std::size_t got = TRY(sys::read_some_at(file_, room, file_at_));
    file_at_ += got;
    input_ = room.first(got);
  }
  return input_;
}

Result<std::size_t> InflatedFile::read(std::span<std::byte> into) {
  for (;;) {
    const std::span<const std::byte> input = TRY(peek());
    if (input.empty()) {
      if (inflater_.in_member()) {
        return input_error("the gzip stream is cut short");
      }
      return std::size_t{0};
    }
    const archive::Inflater::Step step = TRY(inflater_.step(input, into));
    input_ = input.subspan(step.used);
    offset_ += step.made;
    if (step.made != 0) {
      return step.made;
    }
  }
}

} // namespace dind::blobs
