#include <seed/seed_plan.hpp>

#include <array>

namespace dind::seed {

std::string_view name_of(Method method) {
  constexpr std::array<std::string_view, 7> kNames = {"present",  "link", "native", "reflink",
                                                      "hardlink", "copy", "load"};
  return kNames[static_cast<std::size_t>(method)];
}

} // namespace dind::seed
