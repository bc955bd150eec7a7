#include <base/version.hpp>

namespace dind {

std::string_view version() {
  return DIND_VERSION;
}

std::string_view commit() {
  return DIND_COMMIT;
}

} // namespace dind
