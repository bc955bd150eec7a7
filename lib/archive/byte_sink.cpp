#include <archive/byte_sink.hpp>

#include <sys/file.hpp>

#include <vector>

namespace dind::archive {

Result<void> FdSink::write(std::span<const std::byte> bytes) {
  return sys::write_all(fd_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<void> HashingSink::write(std::span<const std::byte> bytes) {
  hash_.update(bytes);
  bytes_ += bytes.size();
  return inner_.write(bytes);
}

Result<std::size_t> TeeSource::read(std::span<std::byte> into) {
  const std::size_t got = TRY(inner_.read(into));
  TRY(sink_.write(into.first(got)));
  return got;
}

Result<void> pour(ByteSource& source, ByteSink& sink) {
  std::vector<std::byte> piece(kReadSize);
  for (;;) {
    const std::size_t got = TRY(source.read(piece));
    if (got == 0) {
      return {};
    }
    TRY(sink.write(std::span(piece).first(got)));
  }
}

} // namespace dind::archive
