#include <base/json.hpp>

#include <boost/json/error.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace dind::json {
namespace {

void print_pretty(const value& node, const std::string& indent, std::string& out) {
  const std::string deeper = indent + "  ";
  if (const object* members = node.if_object(); members && !members->empty()) {
    std::string_view lead = "{\n";
    for (const auto& [key, child] : *members) {
      out.append(lead).append(deeper).append(boost::json::serialize(key)).append(": ");
      print_pretty(child, deeper, out);
      lead = ",\n";
    }
    out.append("\n").append(indent).append("}");
  } else if (const array* items = node.if_array(); items && !items->empty()) {
    std::string_view lead = "[\n";
    for (const value& item : *items) {
      out.append(lead).append(deeper);
      print_pretty(item, deeper, out);
      lead = ",\n";
    }
    out.append("\n").append(indent).append("]");
  } else if (const double* number = node.if_double()) {
    // Boost writes 0.1 as 1E-1.
    out.append(fmt::format("{}", *number));
  } else {
    out.append(boost::json::serialize(node));
  }
}

Error wrong_type(std::string_view key, std::string_view expected) {
  return input_error("\"{}\" is not {}", key, expected);
}

Error missing(std::string_view key) {
  return input_error("\"{}\" is missing", key);
}

} // namespace

Result<value> parse(std::string_view text) {
  boost::json::parser parser;
  boost::json::error_code failure;
  const std::size_t used = parser.write_some(text.data(), text.size(), failure);
  if (!failure && used < text.size()) {
    // Only white space may follow the document.
    const auto rest = text.substr(used);
    if (rest.find_first_not_of(" \t\r\n") != std::string_view::npos) {
      failure = boost::json::error::extra_data;
    }
  }
  if (failure) {
    const auto before = text.substr(0, used);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto line_start = before.find_last_of('\n');
    const std::size_t column = line_start == std::string_view::npos ? used + 1 : used - line_start;
    return input_error("line {}, column {}: {}", line, column, failure.message());
  }
  return parser.release();
}

std::string print(const value& document, Style style) {
  if (style == Style::compact) {
    return boost::json::serialize(document);
  }
  std::string out;
  print_pretty(document, "", out);
  return out + "\n";
}

Result<Fields> Fields::of(const value& document) {
  if (const object* members = document.if_object()) {
    return Fields(*members);
  }
  return input_error("not a JSON object");
}

Result<std::string> Fields::text(std::string_view key) const {
  const value* found = members_.if_contains(key);
  if (!found) {
    return missing(key);
  }
  if (const auto* text = found->if_string()) {
    return std::string(*text);
  }
  return wrong_type(key, "a string");
}

Result<std::string> Fields::text_or(std::string_view key, std::string fallback) const {
  return has(key) ? text(key) : Result<std::string>(std::move(fallback));
}

Result<std::uint64_t> Fields::number(std::string_view key) const {
  const value* found = members_.if_contains(key);
  if (!found) {
    return missing(key);
  }
  boost::json::error_code failure;
  const auto number = found->to_number<std::uint64_t>(failure);
  if (failure) {
    return wrong_type(key, "a whole number of zero or more");
  }
  return number;
}

Result<std::uint64_t> Fields::number_or(std::string_view key, std::uint64_t fallback) const {
  return has(key) ? number(key) : Result<std::uint64_t>(fallback);
}

Result<std::int64_t> Fields::integer_or(std::string_view key, std::int64_t fallback) const {
  const value* found = members_.if_contains(key);
  if (!found) {
    return fallback;
  }
  boost::json::error_code failure;
  const auto number = found->to_number<std::int64_t>(failure);
  if (failure) {
    return wrong_type(key, "a whole number");
  }
  return number;
}

Result<bool> Fields::flag_or(std::string_view key, bool fallback) const {
  const value* found = members_.if_contains(key);
  if (!found) {
    return fallback;
  }
  if (const bool* flag = found->if_bool()) {
    return *flag;
  }
  return wrong_type(key, "true or false");
}

Result<std::vector<std::string>> Fields::texts_or_none(std::string_view key) const {
  const array* items = TRY(list_or_none(key));
  std::vector<std::string> texts;
  if (!items) {
    return texts;
  }
  for (const value& item : *items) {
    const auto* text = item.if_string();
    if (!text) {
      return wrong_type(key, "a list of strings");
    }
    texts.emplace_back(*text);
  }
  return texts;
}

Result<const array*> Fields::list(std::string_view key) const {
  const value* found = members_.if_contains(key);
  if (!found) {
    return missing(key);
  }
  if (const array* items = found->if_array()) {
    return items;
  }
  return wrong_type(key, "a list");
}

Result<const array*> Fields::list_or_none(std::string_view key) const {
  const value* found = members_.if_contains(key);
  if (!found || found->is_null()) {
    return static_cast<const array*>(nullptr);
  }
  return list(key);
}

Result<const object*> Fields::child(std::string_view key) const {
  const value* found = members_.if_contains(key);
  if (!found) {
    return missing(key);
  }
  if (const object* members = found->if_object()) {
    return members;
  }
  return wrong_type(key, "an object");
}

Result<const object*> Fields::child_or_none(std::string_view key) const {
  const value* found = members_.if_contains(key);
  if (!found || found->is_null()) {
    return static_cast<const object*>(nullptr);
  }
  return child(key);
}

} // namespace dind::json
