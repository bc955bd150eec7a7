#pragma once

#include <base/json.hpp>
#include <base/result.hpp>
#include <daemon/argv.hpp>
#include <config/settings.hpp>

#include <boost/filesystem/path.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

namespace fs = boost::filesystem;

inline constexpr const char* kDefaultDaemonJson = "/etc/docker/daemon.json";
inline constexpr std::size_t kDaemonJsonLimit = 4U << 20U; // bytes

// dockerd's configuration file as the user wrote it.
struct DaemonFile {
  fs::path path = kDefaultDaemonJson;
  bool exists = false; // a file of no bytes does exist, with no settings
  json::object settings;
};

// The bytes of such a file. A fifo is refused: dockerd would wait for its writer, and so would PID
// 1, which then no signal but SIGKILL ends.
Result<std::string> read_settings_file(const fs::path& path);

// Reads the file that dockerd would read: `--config-file`, or the default one,
// which alone may be missing. A byte order mark, UTF-16 with one, null and an empty file, fatal for
// some engines, are read over. Anything but one JSON object is one line that names
// the file and the position.
Result<DaemonFile> read_daemon_file(const CommandLine& flags,
                                    const fs::path& default_path = kDefaultDaemonJson);
Result<json::object> parse_daemon_json(std::string_view text);

// What `user` lacks of `ours`, at the top and inside an object that both have, put into it.
json::object lay_under(json::object user, const json::object& ours);

// With `url` as the first of "registry-mirrors", and once among them. What is no list is
// left for dockerd to refuse.
json::object with_first_mirror(json::object settings, const std::string& url);

// Completes `settings` with what flags and file say: data root, required driver,
// store. An option in both places, a driver that contradicts DIND_STORAGE_DRIVER
// and a store that contradicts DIND_STORE are errors.
Result<config::Settings> complete_settings(config::Settings settings, const CommandLine& flags,
                                           const json::object& file);

// What this host needs of dockerd. Empty means: let dockerd choose.
struct EngineChoice {
  std::string driver;                         // "storage-driver"
  std::optional<bool> containerd_snapshotter; // of "features"; engines before 24 ignore it
  json::object settings; // where the user has none: what convenience variables ask for
  // Layers are there that were seeded into a graph driver. dockerd's migration to the containerd
  // store would copy them without the deletions, which are in a directory of their own.
  bool seeded_graph_layers = false;
  std::string first_mirror; // before the user's "registry-mirrors"; "" = none
};

// The user's settings with ours among them, and what can only be said by flag.
struct Effective {
  json::object settings;
  bool differs = false;               // from the user's settings: a file has to be written
  std::vector<std::string> gone;      // keys of the user's that became arguments
  std::vector<std::string> kept;      // keys of `choice.settings` for which the user's stand
  bool migration_left_out = false;    // "containerd-migration" of "features"
  std::string first_mirror;           // of the settings; "" = none was put there
  std::vector<std::string> leading;   // arguments in front of the user's
  std::vector<std::string> arguments; // to append to dockerd's
};

// Puts our choice beside the user's settings, never over them: a contradiction is an error.
// The same option as flag and in the file is fatal for dockerd even when equal,
// so what is given as a flag is left to the flags. "features" is merged key by key.
// With Hosts::take the file's "hosts" are left out: they are among the listeners that are
// given to dockerd by --host.
enum class Hosts { keep, take };
Result<Effective> merge(const json::object& file, const CommandLine& flags,
                        const EngineChoice& choice, Hosts hosts);

} // namespace dind::daemon
