#include <sys/process.hpp>

#include <sys/file.hpp>

#include <cstdlib>

namespace dind::sys {
namespace {

constexpr std::size_t kLimit = 4096;
constexpr int kParentField = 4;
constexpr int kStartField = 22;

} // namespace

// The second field is a name in parentheses that may itself hold spaces and
// parentheses, so counting begins behind the last one.
Result<ProcessStat> read_process_stat(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  const std::string text = TRY(read_file(path, kLimit));
  ProcessStat found;
  std::size_t at = text.rfind(')');
  for (int field = 3; field <= kStartField && at != std::string::npos; ++field) {
    at = text.find(' ', at + 1);
    if (field == kParentField && at != std::string::npos) {
      found.parent = static_cast<pid_t>(std::strtol(text.c_str() + at, nullptr, 10));
    }
  }
  if (at == std::string::npos) {
    return input_error("{}: too few fields", path);
  }
  found.start_ticks = std::strtoull(text.c_str() + at, nullptr, 10);
  return found;
}

} // namespace dind::sys
