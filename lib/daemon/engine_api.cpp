#include <daemon/engine_api.hpp>

#include <base/json.hpp>

#include <algorithm>

namespace dind::daemon {
namespace {

constexpr const char* kLoad = "/images/load?quiet=1";
constexpr std::uint64_t kReplyLimit = 16U << 20U;
constexpr std::uint64_t kBodyLimit = 64U << 20U; // a list of tens of thousands of images

// What an untagged image has in the place of a name, before 25.
bool is_placeholder(const std::string& name) {
  return name.find("<none>") != std::string::npos;
}

Result<ImageSummary> parse_image(const json::value& item) {
  const json::Fields fields = TRY(json::Fields::of(item));
  ImageSummary image;
  image.id = TRY(fields.text("Id"));
  image.names = TRY(fields.texts_or_none("RepoTags"));
  image.digests = TRY(fields.texts_or_none("RepoDigests"));
  std::erase_if(image.names, is_placeholder);
  std::erase_if(image.digests, is_placeholder);
  return image;
}

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

Result<std::string> EngineApi::get(const std::string& target) const {
  std::string body;
  TRY(exchange(socket_, {.target = target, .reply_limit = kBodyLimit}, {.timeout = timeout_},
               into_text(body)));
  return body;
}

Result<fs::path> parse_docker_host(const std::string& host) {
  constexpr std::string_view kUnix = "unix://";
  if (host.empty()) {
    return fs::path(kDefaultApiSocket);
  }
  if (!host.starts_with(kUnix) || host.size() == kUnix.size()) {
    return input_error("DOCKER_HOST={}: only an engine on a unix socket is spoken to, as unix://{}",
                       host, kDefaultApiSocket);
  }
  return fs::path(host.substr(kUnix.size()));
}

Result<void> EngineApi::ping() const {
  TRY(get("/_ping"));
  return {};
}

Result<std::string> EngineApi::version() const {
  return text_of("/version", "Version");
}

// The containerd store says what it is where graph drivers tell of themselves
// (moby daemon/info.go, containerd/service.go: LayerStoreStatus).
Result<EngineStorage> EngineApi::storage() const {
  const std::string body = TRY(get("/info"));
  const json::value document = TRY(json::parse(body).within("GET /info"));
  const json::Fields fields = TRY(json::Fields::of(document).within("GET /info"));
  const json::array* status = TRY(fields.list_or_none("DriverStatus").within("GET /info"));
  const json::value mark = json::array{"driver-type", "io.containerd.snapshotter.v1"};
  EngineStorage storage;
  storage.driver = TRY(fields.text_or("Driver", "").within("GET /info"));
  storage.containerd_store =
      status && std::find(status->begin(), status->end(), mark) != status->end();
  return storage;
}

Result<ImageSummary> EngineApi::image(const std::string& reference) const {
  // A name's slashes and colons are the path's own, so that only what no reference has would need
  // quoting.
  const std::string target = "/images/" + reference + "/json";
  const std::string body = TRY(get(target));
  const json::value document = TRY(json::parse(body).within(target));
  return parse_image(document).within(target);
}

Result<std::string> EngineApi::text_of(const std::string& target, std::string_view member) const {
  const std::string doing = "GET " + target;
  const std::string body = TRY(get(target));
  const json::value document = TRY(json::parse(body).within(doing));
  const json::Fields fields = TRY(json::Fields::of(document).within(doing));
  return fields.text(member).within(doing);
}

Result<std::vector<ImageSummary>> EngineApi::images() const {
  const std::string body = TRY(get("/images/json"));
  const json::value document = TRY(json::parse(body).within("GET /images/json"));
  const json::array* items = document.if_array();
  if (!items) {
    return input_error("GET /images/json: not a list");
  }
  std::vector<ImageSummary> images;
  for (const json::value& item : *items) {
    images.push_back(TRY(parse_image(item).within("GET /images/json")));
  }
  return images;
}

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
