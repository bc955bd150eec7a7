#include <config/readers.hpp>

namespace dind::config {

Variable::Read seconds(Place<std::chrono::seconds> place) {
  return [place](std::string_view value, Settings& into) -> std::optional<std::string> {
    const auto parsed = parse_number(value);
    if (!parsed || *parsed > kMostSeconds) {
      return fmt::format("not a whole number from 0 to {}", kMostSeconds);
    }
    place(into) = std::chrono::seconds(*parsed);
    return std::nullopt;
  };
}

Variable::Read text(Place<std::string> place, bool (*is_allowed)(std::string_view),
                    const char* allowed) {
  return [=](std::string_view value, Settings& into) -> std::optional<std::string> {
    if (!is_allowed(value)) {
      return allowed;
    }
    place(into) = value;
    return std::nullopt;
  };
}

Variable::Read list(Place<std::vector<std::string>> place, bool (*is_allowed)(std::string_view),
                    const char* separators, const char* allowed) {
  return [=](std::string_view value, Settings& into) -> std::optional<std::string> {
    std::vector<std::string> parts = split(value, separators);
    if (parts.empty() || !std::all_of(parts.begin(), parts.end(), is_allowed)) {
      return allowed;
    }
    place(into) = std::move(parts);
    return std::nullopt;
  };
}

Variable::Read file_path(Place<std::string> place) {
  return text(place, is_file_path, "not the absolute path of a file");
}

} // namespace dind::config
