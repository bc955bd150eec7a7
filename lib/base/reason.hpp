#pragma once

#include <string>

namespace dind {

// Why something is not done. No error: it was decided so.
struct Reason {
  std::string why;
};

} // namespace dind
