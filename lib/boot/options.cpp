#include <boot/options.hpp>

#include <config/variables.hpp>

namespace dind::boot {
namespace {

constexpr std::string_view kDockerd = "dockerd";

bool is_for_dockerd(std::span<const std::string> arguments) {
  return arguments.empty() || arguments[0].starts_with('-') || arguments[0] == kDockerd;
}

} // namespace

Result<Options> parse_options(std::span<const std::string> arguments,
                              std::span<const std::string> environment) {
  Options options;
  if (!is_for_dockerd(arguments)) {
    options.run = Run::command;
    options.argv.assign(arguments.begin(), arguments.end());
    return options;
  }

  const bool is_explicit = !arguments.empty() && arguments[0] == kDockerd;
  const auto flags = arguments.subspan(is_explicit ? 1 : 0);
  options.flags = daemon::parse_command_line(flags);
  if (options.flags.answers_at_once || options.flags.is_broken) {
    options.run = Run::daemon_direct;
    options.argv.emplace_back(kDockerd);
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    return options;
  }

  options.invocation.arguments.assign(flags.begin(), flags.end());
  options.invocation.default_listeners = !is_explicit;
  options.invocation.environment.assign(environment.begin(), environment.end());
  options.settings = TRY(config::read_settings(environment));
  options.warnings = config::judge_variables(environment);
  return options;
}

} // namespace dind::boot
