#include <images/spool.hpp>

#include <archive/compression.hpp>
#include <sys/file.hpp>
#include <images/patient_pipe.hpp>
#include <images/read_ahead.hpp>

#include <unistd.h>

#include <span>
#include <vector>

namespace dind::images {
namespace {

constexpr std::size_t kChunk = 256U << 10U;

// By pread: the offset of `fd` stays where it is.
Result<archive::Compression> detect(const Fd& fd, std::uint64_t start, std::uint64_t size) {
  archive::RangeSource peek(fd, start, size);
  return TRY(archive::decompress(peek)).compression;
}

} // namespace

Result<Fd> make_nameless(const Fd& scratch) {
  // Not O_TMPFILE: overlayfs has it only since Linux 6.1.
  const std::string name = ".spool-" + sys::random_hex(8);
  Fd fd = TRY(sys::open_at({scratch, name}, O_RDWR | O_CREAT | O_EXCL, 0600));
  TRY(sys::unlink_at({scratch, name}));
  return fd;
}

Result<Seekable> make_seekable(Fd input, const Fd& scratch, const StopFlag& stop,
                               const SpoolProgress& progress) {
  const struct stat found = TRY(sys::stat_of(input));
  if (S_ISREG(found.st_mode)) {
    const off_t at = ::lseek(input.get(), 0, SEEK_CUR);
    const auto start = static_cast<std::uint64_t>(std::max<off_t>(at, 0));
    const auto size = static_cast<std::uint64_t>(found.st_size);
    if (start >= size) {
      return input_error("empty");
    }
    if (TRY(detect(input, start, size - start)) == archive::Compression::none) {
      return Seekable{std::make_shared<const Fd>(std::move(input)), start};
    }
  } else if (S_ISDIR(found.st_mode)) {
    return input_error("a directory, not an archive");
  }
  PatientSource raw(input, stop);
  const auto plain = TRY(archive::decompress(raw));
  Fd file = TRY(make_nameless(scratch));
  ReadAhead ahead(*plain.source); // decompresses while this thread writes
  std::vector<std::byte> chunk(kChunk);
  std::uint64_t copied = 0;
  for (;;) {
    const std::size_t got = TRY(ahead.read(chunk));
    if (got == 0) {
      break;
    }
    TRY(sys::write_all(file, {reinterpret_cast<const char*>(chunk.data()), got}));
    copied += got;
    progress(copied);
  }
  if (copied == 0) {
    return input_error("empty");
  }
  return Seekable{std::make_shared<const Fd>(std::move(file)), 0};
}

} // namespace dind::images
