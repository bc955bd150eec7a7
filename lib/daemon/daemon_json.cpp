#include <daemon/daemon_json.hpp>

#include <base/utf8.hpp>
#include <sys/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace dind::daemon {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kLittleEndianMark = "\xff\xfe";
constexpr std::string_view kBigEndianMark = "\xfe\xff";
constexpr std::string_view kSnapshotter = "containerd-snapshotter";

// null stands for "not set", as it does for dockerd.
const json::value* find(const json::object& settings, std::string_view key) {
  const json::value* found = settings.if_contains(key);
  return found && !found->is_null() ? found : nullptr;
}

Result<std::string> text_of(const json::object& settings, std::string_view key) {
  return find(settings, key) ? json::Fields(settings).text(key)
                             : Result<std::string>(std::string());
}

Result<std::optional<bool>> snapshotter_of(const json::object& settings) {
  const json::object* features = TRY(json::Fields(settings).child_or_none("features"));
  const json::value* flag = features ? find(*features, kSnapshotter) : nullptr;
  if (!flag) {
    return std::optional<bool>();
  }
  if (!flag->is_bool()) {
    return input_error("\"{}\" of \"features\" is not true or false", kSnapshotter);
  }
  return std::optional(flag->get_bool());
}

// What has been said about the store and by whom, file and flags being exclusive.
struct Said {
  std::optional<bool> value;
  std::string_view where;
};

Result<Said> snapshotter_said(const json::object& file, const CommandLine& flags) {
  if (const auto flag = flags.feature(kSnapshotter)) {
    return Said{flag, "--feature"};
  }
  return Said{TRY(snapshotter_of(file)), "daemon.json"};
}

// The key in the file for an option: moby's lists take the plural.
// "runtimes" is missing, as the one key that may be given in both places.
std::vector<std::string> keys_of(const std::string& option) {
  if (option == "add-runtime") {
    return {};
  }
  if (option == "insecure-registry") {
    return {"insecure-registries"};
  }
  if (option == "data-root") {
    return {"data-root", "graph"};
  }
  return {option, option + "s"};
}

// Objects whose members are not settings of their own (moby's flatOptions).
constexpr std::array<std::string_view, 5> kWholes = {"log-opts", "runtimes", "default-ulimits",
                                                     "features", "builder"};

// Where the file sets `key`: at the top, or, as dockerd looks at it, in an object there.
std::optional<std::string> where_set(const json::object& file, std::string_view key) {
  if (const json::value* const found = find(file, key); found && !found->is_object()) {
    return fmt::format("\"{}\"", key);
  }
  for (const auto& [name, value] : file) {
    const json::object* const group = value.if_object();
    const bool is_whole = std::find(kWholes.begin(), kWholes.end(), name) != kWholes.end();
    if (group && is_whole && name == key) {
      return fmt::format("\"{}\"", key);
    }
    if (group && !is_whole && find(*group, key)) {
      return fmt::format("\"{}\" of \"{}\"", key, std::string_view(name));
    }
  }
  return std::nullopt;
}

Result<void> check_said_once(const CommandLine& flags, const json::object& file) {
  for (const std::string& option : flags.given) {
    for (const std::string& key : keys_of(option)) {
      if (const auto place = where_set(file, key)) {
        return input_error("--{} is given as an option, and {} is in daemon.json: dockerd "
                           "does not start with both",
                           option, *place);
      }
    }
  }
  return {};
}

// Where the user named a driver, and which.
struct DriverSaid {
  std::string driver;
  std::string_view where;
};

Result<DriverSaid> driver_said(const json::object& file, const CommandLine& flags) {
  if (flags.storage_driver && !flags.storage_driver->empty()) {
    return DriverSaid{*flags.storage_driver, "--storage-driver"};
  }
  return DriverSaid{TRY(text_of(file, "storage-driver")), "\"storage-driver\" of daemon.json"};
}

Result<void> add_driver(Effective& effective, const CommandLine& flags, const std::string& driver) {
  const DriverSaid said = TRY(driver_said(effective.settings, flags));
  if (driver.empty() || said.driver == driver) {
    return {};
  }
  if (!said.driver.empty()) {
    return input_error("{} is {}, but this host needs {}", said.where, said.driver, driver);
  }
  effective.settings["storage-driver"] = driver;
  effective.differs = true;
  return {};
}

Result<void> add_snapshotter(Effective& effective, const CommandLine& flags, bool wanted) {
  const Said said = TRY(snapshotter_said(effective.settings, flags));
  if (said.value == wanted) {
    return {};
  }
  if (said.value) {
    return input_error("\"{}\" is {} by {}, but this host needs {}", kSnapshotter, *said.value,
                       said.where, wanted);
  }
  // Beside a --feature flag no "features" may be in the file, but another flag may.
  if (flags.has("feature")) {
    effective.arguments.push_back(fmt::format("--feature={}={}", kSnapshotter, wanted));
    return {};
  }
  json::value& features = effective.settings["features"];
  if (!features.is_object()) {
    features = json::object();
  }
  features.get_object()[kSnapshotter] = wanted;
  effective.differs = true;
  return {};
}

void leave_out_migration(Effective& effective, const CommandLine& flags) {
  constexpr std::string_view kMigration = "containerd-migration";
  if (flags.feature(kMigration).value_or(false)) {
    effective.arguments.push_back(fmt::format("--feature={}=false", kMigration));
    effective.migration_left_out = true;
  }
  json::value* const features = effective.settings.if_contains("features");
  json::object* const named = features ? features->if_object() : nullptr;
  json::value* const wish = named ? named->if_contains(kMigration) : nullptr;
  if (wish && *wish == json::value(true)) {
    *wish = false;
    effective.differs = effective.migration_left_out = true;
  }
}

// Whether an option that was given stands for this key of the file.
bool is_given_as_option(const CommandLine& flags, std::string_view key) {
  return std::any_of(flags.given.begin(), flags.given.end(), [&](const std::string& option) {
    const auto keys = keys_of(option);
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  });
}

void add_settings(Effective& effective, const CommandLine& flags, const json::object& wanted) {
  for (const auto& member : wanted) {
    const json::object one = {{member.key(), member.value()}};
    json::object with = is_given_as_option(flags, member.key())
                            ? effective.settings
                            : lay_under(effective.settings, one);
    if (with == effective.settings) {
      effective.kept.emplace_back(member.key());
      continue;
    }
    effective.settings = std::move(with);
    effective.differs = true;
  }
}

// Of the options as of the list, the first mirror is asked first.
void add_mirror(Effective& effective, const CommandLine& flags, const std::string& url) {
  if (url.empty()) {
    return;
  }
  if (flags.has("registry-mirror")) {
    effective.leading.push_back("--registry-mirror=" + url);
    return;
  }
  effective.settings = with_first_mirror(std::move(effective.settings), url);
  effective.first_mirror = url;
  effective.differs = true;
}

} // namespace

Result<json::object> parse_daemon_json(std::string_view text) {
  // As engines since 23 read it.
  if (text.starts_with(kLittleEndianMark)) {
    return parse_daemon_json(utf16_to_utf8(text.substr(2), ByteOrder::little));
  }
  if (text.starts_with(kBigEndianMark)) {
    return parse_daemon_json(utf16_to_utf8(text.substr(2), ByteOrder::big));
  }
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return json::object();
  }
  json::value document = TRY(json::parse(text));
  if (document.is_null()) { // no settings, as for dockerd
    return json::object();
  }
  if (!document.is_object()) {
    return input_error("not a JSON object");
  }
  return std::move(document.get_object());
}

json::object lay_under(json::object user, const json::object& ours) {
  for (const auto& member : ours) {
    json::value& slot = user[member.key()];
    if (slot.is_null()) { // as for dockerd, null is unset
      slot = member.value();
    } else if (slot.is_object() && member.value().is_object()) {
      slot = lay_under(std::move(slot.get_object()), member.value().get_object());
    }
  }
  return user;
}

json::object with_first_mirror(json::object settings, const std::string& url) {
  json::value& slot = settings["registry-mirrors"];
  if (slot.is_null()) {
    slot = json::array();
  }
  if (json::array* const mirrors = slot.if_array()) {
    json::array all = {json::value(url)};
    std::copy_if(mirrors->begin(), mirrors->end(), std::back_inserter(all),
                 [&](const json::value& one) { return one != all.front(); });
    *mirrors = std::move(all);
  }
  return settings;
}

Result<std::string> read_settings_file(const fs::path& path) {
  const Fd fd = TRY(sys::open_path(path, O_RDONLY | O_NONBLOCK));
  if (S_ISFIFO(TRY(sys::stat_of(fd)).st_mode)) {
    return input_error("{} is a fifo", path.native());
  }
  return sys::read_all(fd, kDaemonJsonLimit).within(path.native());
}

Result<DaemonFile> read_daemon_file(const CommandLine& flags, const fs::path& default_path) {
  DaemonFile file;
  const bool is_named = flags.config_file && !flags.config_file->empty();
  file.path = is_named ? fs::path(*flags.config_file) : default_path;
  Result<std::string> text = read_settings_file(file.path);
  if (!text) {
    if (text.error().is(std::errc::no_such_file_or_directory) && !is_named) {
      return file;
    }
    if (text.error().is(std::errc::is_a_directory)) {
      return input_error("{} is a directory: a bind mount of a file that the host does not have "
                         "makes one",
                         file.path.native());
    }
    return std::move(text).error();
  }
  file.exists = true;
  file.settings = TRY(parse_daemon_json(*text).within(file.path.native()));
  return file;
}

Result<config::Settings> complete_settings(config::Settings settings, const CommandLine& flags,
                                           const json::object& file) {
  TRY(check_said_once(flags, file));

  std::string root = flags.data_root.value_or(std::string());
  for (const std::string_view key : {"data-root", "graph"}) {
    root = root.empty() ? TRY(text_of(file, key)) : root;
  }
  if (!root.empty()) {
    settings.data_root = root;
  }

  const std::string remap = TRY(text_of(file, "userns-remap"));
  settings.userns_remap = remap.empty() ? flags.userns_remap : remap;

  const DriverSaid said = TRY(driver_said(file, flags));
  if (!said.driver.empty() && !settings.required_driver.empty() &&
      said.driver != settings.required_driver) {
    return input_error("DIND_STORAGE_DRIVER={} contradicts {}, which is {}",
                       settings.required_driver, said.where, said.driver);
  }
  if (!said.driver.empty()) {
    settings.required_driver = said.driver;
  }

  const Said store = TRY(snapshotter_said(file, flags));
  if (store.value) {
    const config::Store asked = *store.value ? config::Store::containerd : config::Store::graph;
    if (settings.store != config::Store::automatic && settings.store != asked) {
      return input_error("DIND_STORE={} contradicts {}, which has \"{}\" {}",
                         settings.store == config::Store::graph ? "graph" : "containerd",
                         store.where, kSnapshotter, *store.value);
    }
    settings.store = asked;
  }
  return settings;
}

Result<Effective> merge(const json::object& file, const CommandLine& flags,
                        const EngineChoice& choice, Hosts hosts) {
  TRY(check_said_once(flags, file));
  Effective effective{.settings = file};
  TRY(add_driver(effective, flags, choice.driver));
  if (choice.containerd_snapshotter) {
    TRY(add_snapshotter(effective, flags, *choice.containerd_snapshotter));
  }
  add_settings(effective, flags, choice.settings);
  add_mirror(effective, flags, choice.first_mirror);
  if (choice.seeded_graph_layers) {
    leave_out_migration(effective, flags);
  }
  if (hosts == Hosts::take) {
    effective.gone.emplace_back("hosts");
    effective.differs = effective.settings.erase("hosts") > 0 || effective.differs;
  }
  return effective;
}

} // namespace dind::daemon
