#include <daemon/engine_activity.hpp>

#include <base/json.hpp>
#include <daemon/engine_api.hpp>

#include <algorithm>
#include <charconv>

namespace dind::daemon {
namespace {

constexpr std::string_view kInHandler = "net/http.serverHandler.ServeHTTP";
constexpr std::string_view kNoWork[] = {"net/http/pprof.", ".getEvents"};

bool holds(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

// A block begins with "<count> @ <addresses>".
std::size_t requests_of(std::string_view block) {
  bool is_work = holds(block, kInHandler);
  for (const std::string_view other : kNoWork) {
    is_work = is_work && !holds(block, other);
  }
  std::size_t count = 0;
  std::from_chars(block.data(), block.data() + block.size(), count);
  return is_work ? count : 0;
}

// Labels, and the attributes of an event's actor, among which labels are.
bool has_label(const json::object* labels, std::string_view wanted) {
  if (!labels || wanted.empty()) {
    return false;
  }
  const std::size_t cut = wanted.find('=');
  const json::value* found = labels->if_contains(wanted.substr(0, cut));
  const auto* value = found ? found->if_string() : nullptr;
  return value && (cut == std::string_view::npos || *value == wanted.substr(cut + 1));
}

std::string time_text(timespec time) {
  return fmt::format("{}.{:09}", time.tv_sec, time.tv_nsec);
}

} // namespace

std::size_t count_requests(std::string_view goroutines) {
  std::size_t count = 0;
  goroutines.remove_prefix(std::min(goroutines.find('\n') + 1, goroutines.size())); // a title
  while (!goroutines.empty()) {
    const std::size_t end = goroutines.find("\n\n");
    const std::string_view block = goroutines.substr(0, end);
    count += requests_of(block);
    goroutines.remove_prefix(end == std::string_view::npos ? goroutines.size() : end + 2);
  }
  return count;
}

Result<std::size_t> count_containers(std::string_view body, std::string_view ignored) {
  const json::value document = TRY(json::parse(body));
  const json::array* items = document.if_array();
  if (!items) {
    return input_error("not a list");
  }
  std::size_t count = 0;
  for (const json::value& item : *items) {
    const json::Fields fields = TRY(json::Fields::of(item));
    const json::object* labels = TRY(fields.child_or_none("Labels"));
    count += has_label(labels, ignored) ? 0U : 1U;
  }
  return count;
}

Result<bool> has_events(std::string_view body, std::string_view ignored) {
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.empty()) {
      continue;
    }
    const json::value event = TRY(json::parse(line));
    const json::Fields fields = TRY(json::Fields::of(event));
    const json::object* actor = TRY(fields.child_or_none("Actor"));
    const json::object* attributes =
        actor ? TRY(json::Fields(*actor).child_or_none("Attributes")) : nullptr;
    if (!has_label(attributes, ignored)) {
      return true;
    }
  }
  return false;
}

Result<std::size_t> EngineApi::running_containers(const std::string& ignored) const {
  const std::string body = TRY(get("/containers/json"));
  return count_containers(body, ignored).within("GET /containers/json");
}

Result<std::size_t> EngineApi::open_requests() const {
  return count_requests(TRY(get("/debug/pprof/goroutine?debug=1")));
}

Result<bool> EngineApi::had_events(timespec since, timespec until,
                                   const std::string& ignored) const {
  const std::string target =
      fmt::format("/events?since={}&until={}", time_text(since), time_text(until));
  return has_events(TRY(get(target)), ignored).within("GET /events");
}

} // namespace dind::daemon
