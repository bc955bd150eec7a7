#include <boot/variables.hpp>

#include <base/spelling.hpp>
#include <daemon/environment.hpp>

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace dind::boot {
namespace {

// How far a name may be from one of ours to count as that one misspelt.
constexpr std::size_t kNear = 3;

// The stock image's own, and a Kubernetes service's.
bool is_foreign(std::string_view name) {
  return name == "DIND_COMMIT" || name.starts_with("DIND_PORT") ||
         name.starts_with("DIND_SERVICE_") || name.find("_SERVICE_") != std::string_view::npos ||
         name.find("_PORT") != std::string_view::npos;
}

std::optional<std::string> judge(std::string_view name) {
  const std::string_view nearest = nearest_word(name, daemon::our_variables(), kNear);
  if (nearest.empty() || nearest == name || is_foreign(name)) {
    return std::nullopt;
  }
  return fmt::format("{} is not a setting of dind-init: is {} meant?", name, nearest);
}

} // namespace

std::vector<std::string> judge_variables(std::span<const std::string> environment) {
  std::vector<std::string> warnings;
  for (const std::string_view entry : environment) {
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with("DIND_") || equals == std::string_view::npos ||
        equals + 1 == entry.size()) {
      continue;
    }
    if (auto warning = judge(entry.substr(0, equals))) {
      warnings.push_back(*std::move(warning));
    }
  }
  return warnings;
}

} // namespace dind::boot
