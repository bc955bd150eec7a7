#pragma once

#include <base/error.hpp>

#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace dind {

// A value or the error that took its place. The names are std::expected's, so
// that one day this can become an alias for it.
template <typename T, typename E = Error>
class [[nodiscard]] Result {
public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }

  const T& value() const& { return std::get<0>(state_); }
  T& value() & { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }

  const E& error() const& { return std::get<1>(state_); }
  E&& error() && { return std::get<1>(std::move(state_)); }

  // The same result, whose error says where it happened.
  Result within(std::string_view doing) && {
    return *this ? std::move(*this) : Result(std::move(*this).error().within(doing));
  }

private:
  std::variant<T, E> state_;
};

template <typename E>
class [[nodiscard]] Result<void, E> {
public:
  Result() = default;
  Result(E error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_.has_value(); }
  void value() const {}

  const E& error() const& { return *error_; }
  E&& error() && { return std::move(*error_); }

  Result within(std::string_view doing) && {
    return *this ? Result() : Result(std::move(*this).error().within(doing));
  }

private:
  std::optional<E> error_;
};

} // namespace dind

// The value of `expression`, or leave the calling function with its error.
// The only macro in lib/. Not to be nested: the inner one would shadow.
#define TRY(expression)                                                                            \
  __extension__({                                                                                  \
    auto&& tried = (expression);                                                                   \
    if (!tried) {                                                                                  \
      return std::move(tried).error();                                                             \
    }                                                                                              \
    std::move(tried).value();                                                                      \
  })
