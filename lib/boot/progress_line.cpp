#include <boot/progress_line.hpp>

#include <base/log.hpp>

namespace dind::boot {

void ProgressLine::operator()() {
  if (std::chrono::steady_clock::now() >= next_) {
    next_ = std::chrono::steady_clock::now() + kEvery;
    log::info("{}", text_());
  }
}

} // namespace dind::boot
