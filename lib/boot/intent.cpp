#include <boot/intent.hpp>

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

Result<Intent> understand(const Options& options) {
  Intent intent;
  intent.rootless = daemon::rootless_places(options.invocation.environment);
  intent.file = TRY(daemon::read_daemon_file(
      options.flags, intent.rootless ? intent.rootless->daemon_json : daemon::kDefaultDaemonJson));
  config::Settings given = options.settings;
  given.data_root = intent.rootless ? intent.rootless->data_root : given.data_root;
  intent.settings =
      TRY(daemon::complete_settings(std::move(given), options.flags, intent.file.settings));
  const KeyFindings keys = judge_keys(intent.file);
  if (!keys.errors.empty()) {
    return input_error("{}", fmt::join(keys.errors, "; "));
  }
  intent.listeners =
      TRY(daemon::plan_listeners({.environment = options.invocation.environment,
                                  .flags = options.flags,
                                  .file = intent.file.settings,
                                  .default_listeners = options.invocation.default_listeners,
                                  .settings = intent.settings.engine}));
  if (const auto refusal = supervise::objection(intent.settings.supervision, ::getpid() == 1)) {
    return input_error("{}", *refusal);
  }
  append(intent.warnings, options.warnings);
  append(intent.warnings, keys.warnings);
  append(intent.warnings, intent.listeners.warnings);
  if (const auto warning = supervise::grace_warning(intent.settings.supervision)) {
    intent.warnings.push_back(*warning);
  }
  return intent;
}

} // namespace dind::boot
