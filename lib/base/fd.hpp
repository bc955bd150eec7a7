#pragma once

#include <utility>

namespace dind {

// The one owner of a file descriptor. Only lib/sys makes one, always with
// O_CLOEXEC; everyone else passes `const Fd&` down or moves it along.
class Fd {
public:
  Fd() = default;
  explicit Fd(int raw) noexcept : raw_(raw) {}
  Fd(Fd&& other) noexcept : raw_(std::exchange(other.raw_, kNone)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(raw_, other.raw_); // `other` closes what we held
    return *this;
  }
  ~Fd();

  explicit operator bool() const noexcept { return raw_ != kNone; }
  int get() const noexcept { return raw_; }

  // Gives the descriptor up, to a call that closes it itself (fdopendir).
  int release() noexcept { return std::exchange(raw_, kNone); }

private:
  static constexpr int kNone = -1;
  int raw_ = kNone;
};

} // namespace dind
