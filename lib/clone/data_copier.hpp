#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <functional>

namespace dind::clone {

// Copies what files hold, and keeps their holes. The kernel does it where it can:
// copy_file_range, then sendfile, then read and write. What it has refused once is not
// asked for again. May be used by several threads at a time.
class DataCopier {
public:
  // Called with the bytes of each piece, at most 8 MiB; false ends the copy with ECANCELED.
  using Progress = std::function<bool(std::uint64_t)>;

  // Fills `to`, which is empty, with all of `from`, whose status is given.
  Result<void> copy(const Fd& from, const Fd& to, const struct stat& status,
                    const Progress& progress);

private:
  enum class Way { copy_file_range, sendfile, read_write };

  Result<void> copy_extents(const Fd& from, const Fd& to, off_t size, const Progress& progress);
  Result<void> copy_range(const Fd& from, const Fd& to, off_t start, off_t end,
                          const Progress& progress);
  Result<std::size_t> copy_piece(Way way, const Fd& from, const Fd& to, off_t at, std::size_t size);

  std::atomic<Way> way_{Way::copy_file_range};
};

} // namespace dind::clone
