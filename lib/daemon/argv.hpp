#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

// What dockerd's command line says, as far as this program has to know. Of an
// option given several times the last counts, as for dockerd, but for the lists.
struct CommandLine {
  std::optional<std::string> config_file;    // --config-file
  std::optional<std::string> data_root;      // --data-root, -g, --graph
  std::optional<std::string> exec_root;      // --exec-root
  std::optional<std::string> pid_file;       // --pidfile, -p
  std::optional<std::string> storage_driver; // --storage-driver, -s
  std::vector<std::string> storage_options;  // --storage-opt
  std::vector<std::string> hosts;            // --host, -H
  std::vector<std::string> features;         // --feature NAME[=BOOL]
  std::optional<bool> iptables;              // --iptables; absent, too, if it is no boolean
  std::optional<bool> ip6tables;             // --ip6tables
  std::string firewall_backend;              // --firewall-backend
  std::optional<std::string> group;          // --group, -G
  std::optional<bool> tls;                   // --tls
  std::string userns_remap;                  // --userns-remap
  std::vector<std::string> given;            // long names of all options that were given, once each
  std::size_t options_end = 0;               // how many arguments come before "--"
  bool answers_at_once = false; // --help, --version or --validate: no daemon is started
  bool is_broken = false;       // an option lacks its value: dockerd will say so and end

  bool has(std::string_view option) const; // by its long name, without dashes

  // The value of a feature flag; nullopt where it is not given or no boolean.
  std::optional<bool> feature(std::string_view name) const;
};

// Reads dockerd's arguments (without "dockerd" itself) by the rules of its flag
// library, spf13/pflag: --name=value, --name value, -n value, -nvalue, -n=value,
// clusters such as -Dl debug, and "--" as the end of options. Booleans take a value only
// behind "=". The options and their kinds are those of moby daemon/command/config.go,
// config_unix.go and options.go, and of 20.10. Never fails: what dockerd will
// refuse is left for dockerd to refuse.
CommandLine parse_command_line(std::span<const std::string> arguments);

// The arguments less the options of these long names and their values, up to the end of options.
std::vector<std::string> without_options(std::span<const std::string> arguments,
                                         std::span<const std::string_view> names);

// A boolean as Go's strconv.ParseBool reads it.
std::optional<bool> parse_go_bool(std::string_view text);

} // namespace dind::daemon
