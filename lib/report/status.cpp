#include <report/status.hpp>

#include <base/json.hpp>
#include <base/utf8.hpp>
#include <host/runtime_dir.hpp>
#include <sys/boot_id.hpp>
#include <sys/file.hpp>
#include <sys/process.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace dind::report {
namespace {

constexpr std::uint64_t kStatusVersion = 1;
constexpr std::size_t kStatusLimit = 16U << 20U;
constexpr std::array<std::string_view, 8> kStateNames = {
    "starting", "seeding", "launching", "ready", "restarting", "draining", "stopping", "failed"};
constexpr std::array<std::string_view, 3> kOutcomeNames = {"ok", "degraded", "cold"};

template <typename T, std::size_t Count>
std::optional<T> parse_name(const std::array<std::string_view, Count>& names,
                            std::string_view text) {
  const auto* found = std::find(names.begin(), names.end(), text);
  return found == names.end() ? std::nullopt : std::optional(static_cast<T>(found - names.begin()));
}

double tenths(double ms) {
  return std::round(ms * 10) / 10;
}

json::array texts(const std::vector<std::string>& from) {
  json::array items;
  for (const std::string& text : from) {
    items.emplace_back(printable(text));
  }
  return items;
}

using ByMethod = std::vector<std::pair<std::string, std::uint64_t>>;

json::object print_methods(const ByMethod& counts) {
  json::object members;
  for (const auto& [method, count] : counts) {
    members[printable(method)] = count;
  }
  return members;
}

json::array phases_of(const Status& status) {
  json::array items;
  for (const Phase& phase : status.phases) {
    items.push_back({{"name", printable(phase.name)},
                     {"start_ms", tenths(phase.start_ms)},
                     {"duration_ms", tenths(phase.duration_ms)}});
  }
  return items;
}

Result<double> read_milliseconds(const json::object& members, std::string_view key) {
  const json::value* found = members.if_contains(key);
  boost::json::error_code failure;
  const double ms = found ? found->to_number<double>(failure) : 0;
  if (!found || failure) {
    return input_error("\"{}\" is not a number", key);
  }
  return ms;
}

Result<ByMethod> read_methods(const json::Fields& fields, std::string_view key) {
  ByMethod counts;
  if (const json::object* methods = TRY(fields.child_or_none(key))) {
    for (const auto& member : *methods) {
      const std::string method(member.key());
      counts.emplace_back(method, TRY(json::Fields(*methods).number(method)));
    }
  }
  return counts;
}

Result<void> read_phases(const json::Fields& fields, Status& status) {
  const json::array* items = TRY(fields.list_or_none("phases"));
  if (!items) {
    return {};
  }
  for (const json::value& item : *items) {
    const json::Fields phase = TRY(json::Fields::of(item));
    const json::object& members = item.get_object();
    const double start = TRY(read_milliseconds(members, "start_ms"));
    const double duration = TRY(read_milliseconds(members, "duration_ms"));
    status.phases.push_back({TRY(phase.text("name")), start, duration});
  }
  return {};
}

json::value print_registry(const std::optional<RegistryUse>& use) {
  return use ? json::value({{"hits", use->hits}, {"misses", use->misses}}) : json::value();
}

Result<std::optional<RegistryUse>> read_registry(const json::Fields& fields) {
  const json::object* members = TRY(fields.child_or_none("registry"));
  if (!members) {
    return std::optional<RegistryUse>();
  }
  const json::Fields use(*members);
  return std::optional(RegistryUse{TRY(use.number("hits")), TRY(use.number("misses"))});
}

Result<void> read_state(const json::Fields& fields, const json::object& members, Status& status) {
  const std::string state = TRY(fields.text("state"));
  const auto known = parse_name<State>(kStateNames, state);
  if (!known) {
    return input_error("unknown \"state\" {}", state);
  }
  status.state = *known;
  if (fields.has("state_since_ms")) {
    status.state_since_ms = TRY(read_milliseconds(members, "state_since_ms"));
  }
  status.state_reason = TRY(fields.text_or("state_reason", ""));
  status.restarts = TRY(fields.number_or("restarts", 0));
  const json::value* result = members.if_contains("result");
  if (result && !result->is_null()) {
    status.result = parse_name<Outcome>(kOutcomeNames, TRY(fields.text("result")));
  }
  return {};
}

} // namespace

std::string_view name_of(State state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::string_view name_of(Outcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

std::string print_status(const Status& status) {
  json::value result;
  if (status.result) {
    result = name_of(*status.result);
  }
  const json::object document = {{"version", kStatusVersion},
                                 {"dind_init", printable(status.dind_init)},
                                 {"boot_id", printable(status.boot_id)},
                                 {"pid", status.pid},
                                 {"start_ticks", status.start_ticks},
                                 {"state", name_of(status.state)},
                                 {"state_since_ms", tenths(status.state_since_ms)},
                                 {"state_reason", printable(status.state_reason)},
                                 {"restarts", status.restarts},
                                 {"result", result},
                                 {"engine", printable(status.engine)},
                                 {"store", printable(status.store)},
                                 {"driver", printable(status.driver)},
                                 {"strategy", printable(status.strategy)},
                                 {"reason", printable(status.reason)},
                                 {"images", status.images},
                                 {"images_missing", texts(status.images_missing)},
                                 {"images_there", texts(status.images_there)},
                                 {"layers", status.layers},
                                 {"layers_by_method", print_methods(status.layers_by_method)},
                                 {"bytes", status.bytes},
                                 {"bytes_by_method", print_methods(status.bytes_by_method)},
                                 {"bytes_written", status.bytes_written},
                                 {"files_written", status.files_written},
                                 {"warnings", texts(status.warnings)},
                                 {"registry", print_registry(status.registry)},
                                 {"api", printable(status.api)},
                                 {"phases", phases_of(status)}};
  return json::print(document, json::Style::pretty);
}

Result<Status> parse_status(std::string_view text) {
  const json::value document = TRY(json::parse(text));
  const json::Fields fields = TRY(json::Fields::of(document));
  if (const auto version = TRY(fields.number("version")); version != kStatusVersion) {
    return input_error("version {} is not {}", version, kStatusVersion);
  }
  Status status;
  status.dind_init = TRY(fields.text_or("dind_init", ""));
  status.boot_id = TRY(fields.text("boot_id"));
  status.pid = static_cast<pid_t>(TRY(fields.number("pid")));
  status.start_ticks = TRY(fields.number("start_ticks"));
  TRY(read_state(fields, document.get_object(), status));
  status.engine = TRY(fields.text_or("engine", ""));
  status.store = TRY(fields.text_or("store", ""));
  status.driver = TRY(fields.text_or("driver", ""));
  status.strategy = TRY(fields.text_or("strategy", ""));
  status.reason = TRY(fields.text_or("reason", ""));
  status.images = TRY(fields.number_or("images", 0));
  status.images_missing = TRY(fields.texts_or_none("images_missing"));
  status.images_there = TRY(fields.texts_or_none("images_there"));
  status.layers = TRY(fields.number_or("layers", 0));
  status.layers_by_method = TRY(read_methods(fields, "layers_by_method"));
  status.bytes = TRY(fields.number_or("bytes", 0));
  status.bytes_by_method = TRY(read_methods(fields, "bytes_by_method"));
  status.bytes_written = TRY(fields.number_or("bytes_written", 0));
  status.files_written = TRY(fields.number_or("files_written", 0));
  status.warnings = TRY(fields.texts_or_none("warnings"));
  status.registry = TRY(read_registry(fields));
  status.api = TRY(fields.text_or("api", ""));
  TRY(read_phases(fields, status));
  return status;
}

Result<Status> read_living_status(const fs::path& dir) {
  const fs::path path = dir / kStatusName;
  const Fd opened = TRY(sys::open_dir(dir));
  const std::string name = kStatusName;
  const std::string text =
      TRY(sys::read_file_at({opened, name}, kStatusLimit).within(dir.native()));
  Status status = TRY(parse_status(text).within(path.native()));
  if (status.boot_id != TRY(sys::kernel_boot_id())) {
    return input_error("{} is of an earlier boot of this machine", path.native());
  }
  const auto process = sys::read_process_stat(status.pid);
  if (!process || process->start_ticks != status.start_ticks) {
    return input_error("{} is of a dind-init that runs no more (pid {})", path.native(),
                       status.pid);
  }
  return status;
}

std::vector<fs::path> runtime_dirs(const fs::path& data_root) {
  const char* const users = std::getenv("XDG_RUNTIME_DIR");
  const fs::path user_dir = users ? users : fmt::format("/run/user/{}", ::geteuid());
  return {host::kRuntimeDir, host::fallback_runtime_dir(data_root), user_dir / "dind-init"};
}

} // namespace dind::report
