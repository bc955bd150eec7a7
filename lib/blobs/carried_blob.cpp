#include <blobs/carried_blob.hpp>

#include <cache/reader.hpp>
#include <sys/file.hpp>

#include <algorithm>

namespace dind::blobs {

Result<CarriedBlob> CarriedBlob::open(const Fd& cache, const Digest& digest, std::uint64_t bytes) {
  return CarriedBlob(TRY(cache::open_blob(cache, digest, bytes)), bytes);
}

Result<std::size_t> CarriedBlob::read(std::uint64_t offset, std::span<std::byte> into) const {
  const std::size_t wanted =
      std::min<std::uint64_t>(into.size(), bytes_ - std::min(offset, bytes_));
  std::size_t done = 0;
  while (done < wanted) {
    const std::size_t got =
        TRY(sys::read_some_at(file_, into.subspan(done, wanted - done), offset + done));
    if (got == 0) {
      return input_error("it has become shorter");
    }
    done += got;
  }
  return done;
}

} // namespace dind::blobs
