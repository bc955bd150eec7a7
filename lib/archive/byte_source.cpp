#include <archive/byte_source.hpp>

#include <sys/file.hpp>

#include <algorithm>
#include <cstring>
#include <memory>

namespace dind::archive {

Result<std::size_t> FdSource::read(std::span<std::byte> into) {
  return sys::read_some(fd_, into);
}

Result<std::size_t> RangeSource::read(std::span<std::byte> into) {
  if (left_ == 0) {
    return std::size_t{0};
  }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
  const std::size_t got = TRY(sys::read_some_at(fd_, into.first(wanted), offset_));
  if (got == 0) {
    return input_error("the file ends {} bytes too early", left_);
  }
  offset_ += got;
  left_ -= got;
  return got;
}

Result<std::size_t> MemorySource::read(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), left_.size());
  std::memcpy(into.data(), left_.data(), count);
  left_.remove_prefix(count);
  return count;
}

Result<std::size_t> read_fully(ByteSource& source, std::span<std::byte> into) {
  std::size_t have = 0;
  while (have < into.size()) {
    const std::size_t got = TRY(source.read(into.subspan(have)));
    if (got == 0) {
      break;
    }
    have += got;
  }
  return have;
}

Result<void> drain(ByteSource& source) {
  const auto scratch = std::make_unique_for_overwrite<std::byte[]>(kReadSize);
  for (;;) {
    const std::size_t got = TRY(source.read({scratch.get(), kReadSize}));
    if (got == 0) {
      return {};
    }
  }
}

} // namespace dind::archive
