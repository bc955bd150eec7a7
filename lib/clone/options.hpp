#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace dind::clone {

enum class CloneMethod { reflink, hardlink, copy };

// Counts of what has been done so far; read from any thread.
struct CloneProgress {
  std::atomic<std::uint64_t> files{0};   // regular files, each name
  std::atomic<std::uint64_t> bytes{0};   // of files and symlinks, each inode once; 0 for hardlink
  std::atomic<std::uint64_t> written{0}; // bytes whose data was copied; holes are none
  std::atomic<std::uint64_t> inodes{0};  // made
};

struct CloneOptions {
  CloneMethod method = CloneMethod::copy;
  unsigned jobs = 1; // threads, at least 1
  // Asked by the calling thread, at least every 50 ms: true ends the work with ECANCELED.
  std::function<bool()> interrupted = []() { return false; };
  // Paths of directories, "" for `to` itself, that keep the metadata (times, too) which they
  // have in the target. One that the target lacks gets the source's.
  const std::set<std::string>* keep = nullptr;
};

} // namespace dind::clone
