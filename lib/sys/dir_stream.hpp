#pragma once

#include <sys/dir.hpp>

#include <cstddef>
#include <vector>

namespace dind::sys {

// Reads a directory a chunk at a time, in the filesystem's order: a directory of a
// million names takes no more memory than one of ten.
class DirStream {
public:
  // Moves the offset of `dir`, which must outlive the stream.
  explicit DirStream(const Fd& dir) : dir_(dir), chunk_(kChunk) {}

  // The next name but "." and "..", valid until the next call; null at the end.
  Result<const DirEntry*> next();

private:
  static constexpr std::size_t kChunk = 64U << 10U;

  const Fd& dir_;
  std::vector<std::byte> chunk_;
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
  DirEntry entry_; // kept, so that its name needs no new memory each time
};

} // namespace dind::sys
