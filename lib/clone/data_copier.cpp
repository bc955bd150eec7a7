#include <clone/data_copier.hpp>

#include <sys/file.hpp>
#include <sys/written.hpp>

#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace dind::clone {
namespace {

constexpr off_t kPiece = 8 << 20;
constexpr std::size_t kBuffer = 256U << 10U;
constexpr off_t kStatBlock = 512; // st_blocks counts in these, whatever the filesystem

// The kernel cannot copy between these two files in this way; another way may work.
bool is_refusal(int code) {
  return code == EXDEV || code == EINVAL || code == EOPNOTSUPP || code == ENOSYS ||
         code == EPERM; // a seccomp filter's answer
}

Result<std::size_t> read_and_write(const Fd& from, const Fd& to, off_t at, std::size_t size) {
  thread_local std::vector<std::byte> buffer(kBuffer);
  const ssize_t got = ::pread(from.get(), buffer.data(), std::min(size, buffer.size()), at);
  if (got == -1) {
    return errno_error("read");
  }
  const auto filled = static_cast<std::size_t>(got);
  TRY(sys::write_all_at(to, std::span(buffer).first(filled), static_cast<std::uint64_t>(at)));
  return filled;
}

} // namespace

Result<std::size_t> DataCopier::copy_piece(Way way, const Fd& from, const Fd& to, off_t at,
                                           std::size_t size) {
  off_t in = at;
  off_t out = at;
  ssize_t copied = -1;
  switch (way) {
  case Way::copy_file_range:
    copied = ::copy_file_range(from.get(), &in, to.get(), &out, size, 0);
    break;
  case Way::sendfile: // writes where `to` stands
    copied =
        ::lseek(to.get(), at, SEEK_SET) == -1 ? -1 : ::sendfile(to.get(), from.get(), &in, size);
    break;
  case Way::read_write:
    return read_and_write(from, to, at, size);
  }
  if (copied == -1) {
    return errno_error("copy data");
  }
  sys::count_written(static_cast<std::size_t>(copied));
  return static_cast<std::size_t>(copied);
}

Result<void> DataCopier::copy_range(const Fd& from, const Fd& to, off_t start, off_t end,
                                    const Progress& progress) {
  while (start < end) {
    const auto size = static_cast<std::size_t>(std::min(end - start, kPiece));
    const Way way = way_.load(std::memory_order_relaxed);
    auto copied = copy_piece(way, from, to, start, size);
    // Some filesystems refuse by copying nothing.
    const bool refused = copied ? *copied == 0 : is_refusal(copied.error().code());
    if (way != Way::read_write && refused) {
      way_ = way == Way::copy_file_range ? Way::sendfile : Way::read_write;
      continue;
    }
    if (!copied && copied.error().is(std::errc::interrupted)) {
      continue;
    }
    const std::size_t count = TRY(std::move(copied));
    if (count == 0) {
      return Error("the source ends early", EIO);
    }
    if (!progress(count)) {
      return Error("copy data", ECANCELED);
    }
    start += static_cast<off_t>(count);
  }
  return {};
}

Result<void> DataCopier::copy_extents(const Fd& from, const Fd& to, off_t size,
                                      const Progress& progress) {
  if (::ftruncate(to.get(), size) == -1) {
    return errno_error("set size");
  }
  off_t data = 0;
  for (off_t end = 0; end < size;) {
    const off_t start = ::lseek(from.get(), end, SEEK_DATA);
    if (start == -1 && errno == ENXIO) { // nothing but a hole is left
      break;
    }
    if (start == -1 && errno == EINVAL) { // it keeps no holes
      return copy_range(from, to, end, size, progress);
    }
    if (start == -1) {
      return errno_error("find data");
    }
    end = ::lseek(from.get(), start, SEEK_HOLE);
    if (end == -1) {
      return errno_error("find hole");
    }
    end = std::min(end, size);
    TRY(copy_range(from, to, start, end, progress));
    data += end - start;
  }
  // It has its size before its data, and tar-split no checksum of a sparse member: after a
  // power cut the next boot could not tell lost data from a hole.
  if (data < size && ::fdatasync(to.get()) == -1) {
    return errno_error("flush");
  }
  return {};
}

Result<void> DataCopier::copy(const Fd& from, const Fd& to, const struct stat& status,
                              const Progress& progress) {
  return status.st_blocks * kStatBlock < status.st_size
             ? copy_extents(from, to, status.st_size, progress)
             : copy_range(from, to, 0, status.st_size, progress);
}

} // namespace dind::clone
