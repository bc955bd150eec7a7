#pragma once

#include <archive/tar_entry.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/manifest.hpp>

#include <string>
#include <vector>

namespace dind::cache {

inline constexpr const char* kCanaryName = "canary";

// What the way a cache travelled (image layers, COPY, a foreign filesystem) has done to it.
struct Damage {
  std::vector<std::string> missing; // paths: what holds them is unusable
  std::vector<std::string> altered; // "owner of a is 0:0, not 1:2": copy with metadata restored
  std::vector<std::string> notes;   // harmless, such as changed times

  bool is_whole() const { return missing.empty() && altered.empty(); }
  // Of one that is not whole.
  std::string first() const {
    return altered.empty() ? missing.front() + " is missing" : altered.front();
  }
};

// Makes canary/ in `cache`: files with a foreign owner, a setuid bit, a
// capability, two hard links, and an old time. Returns whether the capability
// could be set: without CAP_SETFCAP it cannot.
Result<bool> make_canary(const Fd& cache);

// The same as members of a tar, for a cache that is made without a disk: the directory
// first, and names that begin with "canary". The capability is always there.
struct CanaryMember {
  archive::TarEntry entry;
  std::string content;
};
std::vector<CanaryMember> canary_members();

// A few stat calls. `manifest` says what the canary was given.
Result<Damage> check_canary(const Fd& cache, const Manifest& manifest);

// Compares paths of `tree` with what they were when baked.
Result<Damage> check_sentinels(const Fd& tree, const std::vector<Sentinel>& sentinels);

// A sentinel of a path of `tree` as it is now.
Result<Sentinel> make_sentinel(const Fd& tree, const std::string& path);

} // namespace dind::cache
