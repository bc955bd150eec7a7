#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace dind::host {

// The major versions that a dockerd may be of, by what is known of it.
struct EngineVersion {
  unsigned long oldest = 0;
  unsigned long newest = std::numeric_limits<unsigned long>::max();

  bool operator==(const EngineVersion&) const = default;
  // Nothing where what is known does not decide it.
  std::optional<bool> is_at_least(unsigned long major) const;
};

// The first that has a containerd image store, and the first that uses it unless it is told
// otherwise.
inline constexpr unsigned long kFirstWithContainerdStore = 24;
inline constexpr unsigned long kFirstByContainerdStore = 29;
inline constexpr unsigned long kFirstWithFirewallBackend = 29;

// What the file of a dockerd tells by its build information, without running it. The import path of
// 29 and later is another one, and linkers' flags, where they are recorded, have the version.
EngineVersion version_by_build(std::string_view build_info);
// Of the dockerd on PATH. A script in its place tells nothing.
EngineVersion version_by_file();

// "Docker version 28.5.2, build 89c5e8f".
EngineVersion version_by_answer(const std::string& answer);

// `dockerd --version`, asked beside what else is done: it takes a tenth of a second, and is killed
// after two.
class VersionQuestion {
public:
  VersionQuestion();

  VersionQuestion(const VersionQuestion&) = delete;
  VersionQuestion& operator=(const VersionQuestion&) = delete;

  EngineVersion answer(); // waits for it

private:
  EngineVersion found_;
  std::optional<std::jthread> thread_; // last: it is joined before what it writes to goes
};

} // namespace dind::host
