#pragma once

#include <base/result.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dind::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

// Values of a document, keys included. Each costs the parser up to 50 bytes, though its text may
// have two ("0,"): the text's size alone bounds no memory.
inline constexpr std::size_t kMostValues = 500'000;

// Parses a whole document: UTF-8, at most 32 levels deep, nothing behind it, at most `most_values`.
// The error names the line and column.
Result<value> parse(std::string_view text, std::size_t most_values = kMostValues);

// The same of a document that another program has made and Go's encoding/json reads: bytes that are
// not UTF-8 and lone surrogates become U+FFFD, and it may be 1,000 levels deep.
Result<value> parse_as_go(std::string_view text);

// One line without spaces, or two-space indentation with a newline at the end.
// Keys keep their order, integers stay integers.
enum class Style { compact, pretty };
std::string print(const value& document, Style style);

// Typed access to the members of an object. Every error names the member and
// what it should have been. Keeps a reference: the object must outlive it.
class Fields {
public:
  explicit Fields(const object& members) : members_(members) {}

  // `document` as an object, or an error.
  static Result<Fields> of(const value& document);

  bool has(std::string_view key) const { return members_.contains(key); }

  Result<std::string> text(std::string_view key) const;
  Result<std::string> text_or(std::string_view key, std::string fallback) const;
  // "" where absent or null.
  Result<std::string> text_or_none(std::string_view key) const;
  Result<std::uint64_t> number(std::string_view key) const;
  Result<std::uint64_t> number_or(std::string_view key, std::uint64_t fallback) const;
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback) const;
  Result<bool> flag_or(std::string_view key, bool fallback) const;
  // Absent and null both mean empty.
  Result<std::vector<std::string>> texts_or_none(std::string_view key) const;
  Result<const array*> list(std::string_view key) const;
  // nullptr where absent or null.
  Result<const array*> list_or_none(std::string_view key) const;
  Result<const object*> child(std::string_view key) const;
  Result<const object*> child_or_none(std::string_view key) const;

private:
  const object& members_;
};

} // namespace dind::json
