#pragma once

#include <base/result.hpp>

#include <string>
#include <utility>

namespace dind::boot {

// Exit codes of a boot that ends before dockerd runs (sysexits.h); sys::kSignalBase + N after
// signal N.
inline constexpr int kUsage = 64;
inline constexpr int kCacheUnusable = 65;
inline constexpr int kDriverUnavailable = 69;
inline constexpr int kHostUnprepared = 71;
inline constexpr int kDataRootLocked = 75;

// Why a boot ends early, for people, and the exit code that says so.
struct Exit {
  int code = 0;
  std::string why;
};

// What a stage of the boot hands to the next one, or the end of the boot.
template <typename T>
using OrExit = Result<T, Exit>;

// Without this part there is no boot.
template <typename T>
OrExit<T> or_exit(int code, Result<T> part) {
  if (!part) {
    return Exit{code, part.error().describe()};
  }
  return std::move(part).value();
}

} // namespace dind::boot
