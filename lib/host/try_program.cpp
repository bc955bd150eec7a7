#include <host/try_program.hpp>

#include <sys/spawn.hpp>

#include <fmt/ranges.h>

namespace dind::host {

std::optional<Reason> try_program(const std::vector<std::string>& argv) {
  const auto finished = sys::run(argv);
  if (!finished) {
    return Reason{finished.error().describe()};
  }
  if (finished->status.code == 0) {
    return std::nullopt;
  }
  return Reason{fmt::format("{}: {}", fmt::join(argv, " "),
                            finished->output.substr(0, finished->output.find('\n')))};
}

} // namespace dind::host
