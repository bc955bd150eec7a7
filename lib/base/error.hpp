#pragma once

#include <fmt/format.h>

#include <errno.h>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dind {

// What went wrong, readable from the outside in, and the errno behind it (0 if
// no system call is to blame). Callers branch on `code()`, people read `describe()`.
class Error {
public:
  explicit Error(std::string what, int code = 0) : what_(std::move(what)), code_(code) {}

  int code() const { return code_; }
  bool is(std::errc code) const { return code_ == static_cast<int>(code); }

  // The same failure, and where it happened: "doing: what".
  Error within(std::string_view doing) && {
    return Error(fmt::format("{}: {}", doing, what_), code_);
  }

  // For people. The reason comes last, and once.
  std::string describe() const {
    return code_ == 0 ? what_
                      : fmt::format("{}: {}", what_, std::generic_category().message(code_));
  }

private:
  std::string what_;
  int code_;
};

// The error of the system call that has just failed. Call it before anything
// else can change errno, and pass only values that are already formed.
template <typename... Args>
Error errno_error(fmt::format_string<Args...> doing, Args&&... args) {
  const int code = errno;
  return Error(fmt::format(doing, std::forward<Args>(args)...), code);
}

// An error of the input rather than of the system: it carries no errno.
template <typename... Args>
Error input_error(fmt::format_string<Args...> what, Args&&... args) {
  return Error(fmt::format(what, std::forward<Args>(args)...));
}

} // namespace dind
