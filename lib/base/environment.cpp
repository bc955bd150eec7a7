#include <base/environment.hpp>

#include <algorithm>

namespace dind {

std::string_view variable_name(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

std::optional<std::string> find_variable(std::span<const std::string> environment,
                                         std::string_view name) {
  for (const std::string_view entry : environment) {
    if (entry.size() > name.size() + 1 && entry.starts_with(name) && entry[name.size()] == '=') {
      return std::string(entry.substr(name.size() + 1));
    }
  }
  return std::nullopt;
}

bool is_set(std::span<const std::string> environment, std::string_view name) {
  return std::any_of(environment.begin(), environment.end(),
                     [&](const std::string& entry) { return variable_name(entry) == name; });
}

Environment with_path_prefix(Environment environment, const std::string& dir) {
  constexpr std::string_view kPath = "PATH=";
  for (std::string& entry : environment) {
    if (entry.starts_with(kPath)) {
      entry.insert(kPath.size(), dir + ":");
      return environment;
    }
  }
  environment.push_back(std::string(kPath) + dir);
  return environment;
}

} // namespace dind
