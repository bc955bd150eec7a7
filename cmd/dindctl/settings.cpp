#include "settings.hpp"

#include <config/variables.hpp>

#include <unistd.h>

#include <vector>

namespace dind::ctl {

Result<config::Settings> settings_of_environment(const std::string& data_root) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    environment.emplace_back(*entry);
  }
  config::Settings settings = TRY(config::read_settings(environment));
  if (!data_root.empty()) {
    settings.data_root = data_root;
  }
  return settings;
}

} // namespace dind::ctl
