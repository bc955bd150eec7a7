#include <daemon/engine_api.hpp>

#include <base/json.hpp>

namespace dind::daemon {
namespace {

constexpr const char* kLoad = "/images/load?quiet=1";
constexpr std::uint64_t kReplyLimit = 16U << 20U;

// All but what RFC 3986 leaves unreserved.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// The engine answers 200 before it has read everything, and tells of a failure in one of
// the JSON lines that follow: {"errorDetail": {"message": "..."}, "error": "..."}.
Result<void> check_lines(std::string_view lines, const std::string& doing) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    const json::value document = TRY(json::parse(line).within(doing));
    const json::Fields fields = TRY(json::Fields::of(document).within(doing));
    if (fields.has("error")) {
      return input_error("{}: {}", doing, TRY(fields.text("error").within(doing)));
    }
    if (const json::object* detail = TRY(fields.child_or_none("errorDetail").within(doing))) {
      return input_error("{}: {}", doing,
                         TRY(json::Fields(*detail).text_or("message", "no explanation")));
    }
  }
  return {};
}

} // namespace

Result<void> EngineApi::load(const BodyReader& archive,
                             const std::function<bool()>& interrupted) const {
  std::string lines;
  TRY(exchange(socket_, {.target = kLoad, .body = archive, .reply_limit = kReplyLimit},
               {.timeout = timeout_, .each_step = true, .interrupted = interrupted},
               into_text(lines)));
  return check_lines(lines, fmt::format("POST {} to {}", kLoad, socket_.native()));
}

Result<void> EngineApi::save(const std::string& reference, const BodyWriter& archive,
                             const std::function<bool()>& interrupted) const {
  return exchange(socket_, {.target = "/images/get?names=" + quoted(reference)},
                  {.timeout = timeout_, .each_step = true, .interrupted = interrupted}, archive);
}

} // namespace dind::daemon
