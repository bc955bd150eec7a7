#pragma once

#include <base/result.hpp>

#include <string>
#include <utility>

namespace dind::boot {

// Exit codes of a boot that ends before dockerd runs (sysexits.h); 128 + N after signal N.
inline constexpr int kUsage = 64;
inline constexpr int kCacheUnusable = 65;
inline constexpr int kDriverUnavailable = 69;
inline constexpr int kHostUnprepared = 71;
inline constexpr int kDataRootLocked = 75;
inline constexpr int kSignalBase = 128;

// Why a boot ends early, for people, and the exit code that says so.
struct EarlyEnd {
  int code = 0;
  std::string why;
};

// What a stage of the boot hands to the next one, or the end of the boot.
template <typename T>
using OrEnd = Result<T, EarlyEnd>;

// Without this part there is no boot.
template <typename T>
OrEnd<T> or_end(int code, Result<T> part) {
  if (!part) {
    return EarlyEnd{code, part.error().describe()};
  }
  return std::move(part).value();
}

} // namespace dind::boot
