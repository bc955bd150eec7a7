#pragma once

#include <base/fd.hpp>

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_set>

namespace dind::registry {

// In the directory for files of this run.
inline constexpr const char* kMissedName = "registry-missed";
inline constexpr std::size_t kMissedLimit = 512U << 10U; // bytes

// The images that were asked for and not there, one reference a line, each once: what the next bake
// would have to have. A list that is full is not added to. For several threads.
class Missed {
public:
  // Goes on with what is in `file` already, which is open to be read and to be appended to.
  explicit Missed(Fd file);

  // A digest says nothing new after a tag of the same repository: a client that has got the tag
  // from elsewhere asks for the digests that it led to.
  void add(const std::string& reference);

private:
  bool is_new(const std::string& reference);

  const Fd file_;
  std::mutex mutex_; // of what follows
  std::unordered_set<std::string> known_;
  std::unordered_set<std::string> repositories_; // with a tag in the list
  std::size_t bytes_ = 0;
};

} // namespace dind::registry
