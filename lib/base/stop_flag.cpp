#include <base/stop_flag.hpp>

#include <cerrno>

namespace dind {

Error stopped() {
  return Error("stopped", ECANCELED);
}

} // namespace dind
