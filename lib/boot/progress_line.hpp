#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace dind::boot {

// Logs every few seconds how far long work has come. To be called as often as the work allows.
class ProgressLine {
public:
  explicit ProgressLine(std::function<std::string()> text) : text_(std::move(text)) {}

  void operator()();

private:
  static constexpr auto kEvery = std::chrono::seconds(5);

  std::function<std::string()> text_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + kEvery;
};

} // namespace dind::boot
