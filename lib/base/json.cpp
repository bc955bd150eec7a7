#include <base/json.hpp>

#include <base/utf8.hpp>

#include <boost/json/error.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace dind::json {
namespace {

// Go's is 10,000, for which Boost's recursion has no room on a small stack.
constexpr std::size_t kDeepest = 1000;

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

// The number of an escaped UTF-16 unit, "\ud83d", that `text` begins with.
std::optional<unsigned> escaped_unit(std::string_view text) {
  constexpr std::size_t kLength = 6;
  if (text.size() < kLength || !text.starts_with("\\u")) {
    return std::nullopt;
  }
  unsigned unit = 0;
  const auto [end, failure] = std::from_chars(text.data() + 2, text.data() + kLength, unit, 16);
  return failure == std::errc() && end == text.data() + kLength ? std::optional(unit)
                                                                : std::nullopt;
}

bool is_high(std::optional<unsigned> unit) {
  return unit && *unit >= 0xd800 && *unit < 0xdc00;
}

bool is_low(std::optional<unsigned> unit) {
  return unit && *unit >= 0xdc00 && *unit < 0xe000;
}

std::string without_lone_surrogates(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto unit = escaped_unit(text);
    const bool is_pair = is_high(unit) && is_low(escaped_unit(text.substr(6)));
    if (!is_pair && (is_high(unit) || is_low(unit))) {
      out += "\\ufffd";
      text.remove_prefix(6);
      continue;
    }
    const std::size_t length = is_pair ? 12 : text.front() == '\\' ? 2 : 1;
    out += text.substr(0, length);
    text.remove_prefix(std::min(length, text.size()));
  }
  return out;
}

// At most as many values as a document has: all but the first stand behind one of these.
std::size_t count_values(std::string_view text) {
  constexpr std::string_view kLeads = "[{:,";
  std::size_t count = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      in_string = !in_string;
    } else if (in_string) {
      i += text[i] == '\\' ? 1U : 0U;
    } else if (kLeads.find(text[i]) != std::string_view::npos) {
      ++count;
    }
  }
  return count;
}

Result<value> parse_with(const boost::json::parse_options& options, std::string_view text,
                         std::size_t most_values) {
  if (count_values(text) > most_values) {
    return input_error("more than {} values", most_values);
  }
  boost::json::parser parser({}, options);
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

} // namespace

Result<value> parse(std::string_view text, std::size_t most_values) {
  return parse_with({}, text, most_values);
}

Result<value> parse_as_go(std::string_view text) {
  if (auto plain = parse(text)) {
    return plain;
  }
  boost::json::parse_options options;
  options.max_depth = kDeepest;
  return parse_with(options, without_lone_surrogates(to_utf8(text)), kMostValues);
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

Result<std::string> Fields::text_or_none(std::string_view key) const {
  const value* found = members_.if_contains(key);
  return found && !found->is_null() ? text(key) : Result<std::string>(std::string());
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
