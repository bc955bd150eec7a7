#pragma once

#include <cstddef>
#include <cstdint>

namespace dind::sys {

// What this process has written to files, pipes and sockets, and how many files it has made, since
// it began. Directories, symlinks and nodes are files; what was removed again counts.
struct Written {
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
};
Written written_so_far();

// By the calls that write, and by those that make something. Any thread.
void count_written(std::size_t bytes);
void count_made();

} // namespace dind::sys
