#include <supervise/back_off.hpp>

#include <algorithm>

namespace dind::supervise {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kFirstWait = 250ms;
constexpr std::chrono::milliseconds kLongestWait = 1min;

} // namespace

void BackOff::died() {
  const auto lived = std::chrono::steady_clock::now() - started_ - pause_;
  pause_ = lived > kLongestWait ? 0ms : std::clamp(2 * pause_, kFirstWait, kLongestWait);
}

} // namespace dind::supervise
