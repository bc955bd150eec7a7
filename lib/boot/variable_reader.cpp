#include <boot/variable_reader.hpp>

#include <boot/values.hpp>
#include <daemon/environment.hpp>

#include <algorithm>

namespace dind::boot {
namespace {

constexpr std::uint64_t kWeek = 7ULL * 24 * 3600;

} // namespace

Error bad_value(std::string_view name, std::string_view value, std::string_view allowed) {
  return input_error("{}={}: {}", name, value, allowed);
}

std::optional<std::string> VariableReader::text(std::string_view name) const {
  return daemon::find_variable(environment_, name);
}

Result<void> VariableReader::number(std::string_view name, std::uint64_t least, std::uint64_t most,
                                    std::uint64_t& into) const {
  const auto value = text(name);
  if (!value) {
    return {};
  }
  const auto parsed = parse_number(*value);
  if (!parsed || *parsed < least || *parsed > most) {
    return bad_value(name, *value, fmt::format("not a whole number from {} to {}", least, most));
  }
  into = *parsed;
  return {};
}

Result<void> VariableReader::seconds(std::string_view name, std::chrono::seconds& into) const {
  auto count = static_cast<std::uint64_t>(into.count());
  TRY(number(name, 0, kWeek, count));
  into = std::chrono::seconds(count);
  return {};
}

Result<void> VariableReader::path(std::string_view name, std::string& into) const {
  const auto value = text(name);
  if (!value) {
    return {};
  }
  if (!is_file_path(*value)) {
    return bad_value(name, *value, "not the absolute path of a file");
  }
  into = *value;
  return {};
}

Result<void> VariableReader::list(std::string_view name, bool (*is_allowed)(std::string_view),
                                  std::string_view rule, std::vector<std::string>& into) const {
  const auto value = text(name);
  if (!value) {
    return {};
  }
  into = split(*value, ", ");
  if (into.empty() || !std::all_of(into.begin(), into.end(), is_allowed)) {
    return bad_value(name, *value, rule);
  }
  return {};
}

} // namespace dind::boot
