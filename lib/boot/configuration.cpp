#include <boot/configuration.hpp>

#include <boot/engine_settings.hpp>
#include <supervise/policy.hpp>

#include <fmt/ranges.h>

#include <unistd.h>

#include <utility>

namespace dind::boot {
namespace {

void append(std::vector<std::string>& warnings, const std::vector<std::string>& more) {
  warnings.insert(warnings.end(), more.begin(), more.end());
}

} // namespace

Result<Configuration> resolve(const Options& options) {
  Configuration configuration;
  configuration.rootless = daemon::rootless_places(options.invocation.environment);
  configuration.file = TRY(daemon::read_daemon_file(
      options.flags,
      configuration.rootless ? configuration.rootless->daemon_json : daemon::kDefaultDaemonJson));
  config::Settings given = options.settings;
  given.data_root = configuration.rootless ? configuration.rootless->data_root : given.data_root;
  configuration.settings =
      TRY(daemon::complete_settings(std::move(given), options.flags, configuration.file.settings));
  config::FirewallBackend& firewall = configuration.settings.engine.firewall_backend;
  if (firewall != config::FirewallBackend::automatic) {
    firewall = TRY(firewall_backend(firewall, host::version_by_file()));
  }
  const KeyFindings keys = judge_keys(configuration.file);
  if (!keys.errors.empty()) {
    return input_error("{}", fmt::join(keys.errors, "; "));
  }
  configuration.listeners =
      TRY(daemon::plan_listeners({.environment = options.invocation.environment,
                                  .flags = options.flags,
                                  .file = configuration.file.settings,
                                  .default_listeners = options.invocation.default_listeners,
                                  .settings = configuration.settings.engine}));
  if (const auto refusal = supervise::objection(configuration.settings.supervision, ::getpid())) {
    return input_error("{}", *refusal);
  }
  append(configuration.warnings, options.warnings);
  append(configuration.warnings, keys.warnings);
  append(configuration.warnings, configuration.listeners.warnings);
  if (const auto warning = supervise::grace_warning(configuration.settings.supervision)) {
    configuration.warnings.push_back(*warning);
  }
  return configuration;
}

} // namespace dind::boot
