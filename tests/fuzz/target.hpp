#pragma once

#include <base/result.hpp>

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dind::fuzz {

// What is done with an input. It returns whatever the input is, and aborts where a promise is
// broken.
using Run = void (*)(std::string_view input);

// All that there are. One program has them, and runs the one that it is called by: `fuzz_pax` is a
// symlink to `fuzz`, and runs "pax".
inline std::map<std::string_view, Run>& targets() {
  static std::map<std::string_view, Run> all;
  return all;
}

// A namespace-scope object of each file.
struct Target {
  Target(std::string_view name, Run run) { targets().emplace(name, run); }
};

inline void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

// Text that can be read can be written, and means the same then.
template <typename Parse, typename Print>
void require_round_trip(std::string_view input, Parse parse, Print print) {
  if (const auto read = parse(input)) {
    const std::string written = print(*read);
    const auto again = parse(written);
    require(bool(again) && print(*again) == written);
  }
}

// The parts of an input, which NULs stand between.
inline std::vector<std::string> split(std::string_view input, char separator = '\0') {
  std::vector<std::string> parts;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = input.find(separator);
    parts.emplace_back(input.substr(0, end));
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  }
  return parts;
}

} // namespace dind::fuzz
