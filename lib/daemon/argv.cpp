#include <daemon/argv.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace dind::daemon {
namespace {

constexpr std::array<std::string_view, 26> kBooleans = {"allow-direct-routing",
                                                        "cri-containerd",
                                                        "debug",
                                                        "disable-legacy-registry",
                                                        "experimental",
                                                        "help",
                                                        "icc",
                                                        "init",
                                                        "ip-forward",
                                                        "ip-forward-no-drop",
                                                        "ip-masq",
                                                        "ip6tables",
                                                        "iptables",
                                                        "ipv6",
                                                        "live-restore",
                                                        "no-new-privileges",
                                                        "raw-logs",
                                                        "restart",
                                                        "rootless",
                                                        "selinux-enabled",
                                                        "tls",
                                                        "tlsverify",
                                                        "userland-proxy",
                                                        "validate",
                                                        "version",
                                                        "enable-cors"};

constexpr std::array<std::pair<char, std::string_view>, 11> kShorthands = {{{'D', "debug"},
                                                                            {'G', "group"},
                                                                            {'H', "host"},
                                                                            {'b', "bridge"},
                                                                            {'g', "data-root"},
                                                                            {'h', "help"},
                                                                            {'l', "log-level"},
                                                                            {'p', "pidfile"},
                                                                            {'r', "restart"},
                                                                            {'s', "storage-driver"},
                                                                            {'v', "version"}}};

// Options whose value decides something here. A missing value is certain for
// these only: a flag that is not known may be a boolean of a later engine.
constexpr std::array<std::string_view, 11> kRead = {
    "config-file", "data-root", "exec-root",   "feature",        "firewall-backend", "group",
    "host",        "pidfile",   "storage-opt", "storage-driver", "userns-remap"};

template <typename Names>
bool is_among(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string long_name(char shorthand) {
  const auto* found = std::find_if(kShorthands.begin(), kShorthands.end(),
                                   [&](const auto& entry) { return entry.first == shorthand; });
  return found == kShorthands.end() ? std::string(1, shorthand) : std::string(found->second);
}

// Whether an argument can be the value of an option about which nothing is known:
// negative numbers can, options cannot.
bool looks_like_value(const std::string& argument) {
  return argument.empty() || argument[0] != '-' || argument == "-" ||
         std::isdigit(static_cast<unsigned char>(argument[1])) != 0;
}

class Parser {
public:
  explicit Parser(std::span<const std::string> arguments,
                  std::span<const std::string_view> left_out = {})
      : arguments_(arguments), left_out_(left_out) {}

  CommandLine parse() && {
    while (next_ < arguments_.size()) {
      const std::size_t first = next_;
      const std::string& argument = arguments_[next_++];
      noted_.clear();
      if (argument == "--") {
        line_.options_end = next_ - 1;
        return std::move(line_);
      }
      if (argument.starts_with("--")) {
        take_long(argument.substr(2));
      } else if (argument.starts_with("-") && argument.size() > 1) {
        take_cluster(argument.substr(1));
      }
      keep(first);
    }
    line_.options_end = arguments_.size();
    return std::move(line_);
  }

  // What is left of the arguments, once they are parsed.
  std::vector<std::string> rest() && {
    std::move(*this).parse();
    return std::move(kept_);
  }

private:
  // Keeps the arguments from `first` to the next one, unless what they say is left out. Of a
  // cluster, the others are said again.
  void keep(std::size_t first) {
    const auto is_out = [&](const auto& option) { return is_among(left_out_, option.first); };
    if (std::none_of(noted_.begin(), noted_.end(), is_out)) {
      kept_.insert(kept_.end(), arguments_.begin() + static_cast<std::ptrdiff_t>(first),
                   arguments_.begin() + static_cast<std::ptrdiff_t>(next_));
      return;
    }
    for (const auto& option : noted_) {
      if (!is_out(option)) {
        kept_.push_back("--" + option.first + "=" + option.second);
      }
    }
  }

  void take_long(const std::string& text) {
    const std::size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    if (name == "graph") {
      name = "data-root"; // the same option, up to 20.10
    }
    if (equals != std::string::npos) {
      note(name, text.substr(equals + 1));
    } else if (is_among(kBooleans, name)) {
      note(name, "true");
    } else {
      take_value(name);
    }
  }

  void take_cluster(const std::string& letters) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const std::string name = long_name(letters[i]);
      const std::string rest = letters.substr(i + 1);
      if (rest.size() > 1 && rest[0] == '=') {
        return note(name, rest.substr(1));
      }
      if (is_among(kBooleans, name)) {
        note(name, "true");
      } else if (!rest.empty()) {
        return note(name, rest);
      } else {
        return take_value(name);
      }
    }
  }

  // The value is the next argument, whatever it looks like.
  void take_value(const std::string& name) {
    const bool is_read = is_among(kRead, name);
    const bool is_there = next_ < arguments_.size();
    if (is_there && (is_read || looks_like_value(arguments_[next_]))) {
      note(name, arguments_[next_++]);
      return;
    }
    line_.is_broken = line_.is_broken || (is_read && !is_there);
    note(name, "");
  }

  void note(const std::string& name, const std::string& value) {
    noted_.emplace_back(name, value);
    if (!line_.has(name)) {
      line_.given.push_back(name);
    }
    if (name == "config-file") {
      line_.config_file = value;
    } else if (name == "data-root") {
      line_.data_root = value;
    } else if (name == "exec-root") {
      line_.exec_root = value;
    } else if (name == "pidfile") {
      line_.pid_file = value;
    } else if (name == "storage-driver") {
      line_.storage_driver = value;
    } else if (name == "storage-opt") {
      line_.storage_options.push_back(value);
    } else if (name == "host") {
      line_.hosts.push_back(value);
    } else if (name == "feature") {
      line_.features.push_back(value);
    } else if (name == "iptables") {
      line_.iptables = parse_go_bool(value);
    } else if (name == "ip6tables") {
      line_.ip6tables = parse_go_bool(value);
    } else if (name == "firewall-backend") {
      line_.firewall_backend = value;
    } else if (name == "group") {
      line_.group = value;
    } else if (name == "userns-remap") {
      line_.userns_remap = value;
    } else if (name == "tls") {
      line_.tls = parse_go_bool(value);
    } else if (name == "help" || name == "version" || name == "validate") {
      line_.answers_at_once = line_.answers_at_once || parse_go_bool(value).value_or(false);
    }
  }

  std::span<const std::string> arguments_;
  std::span<const std::string_view> left_out_;
  std::size_t next_ = 0;
  CommandLine line_;
  std::vector<std::pair<std::string, std::string>> noted_; // of the argument at hand
  std::vector<std::string> kept_;
};

} // namespace

std::optional<bool> parse_go_bool(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::array<std::string_view, 6> kFalse = {"0", "f", "F", "FALSE", "false", "False"};
  if (is_among(kTrue, text)) {
    return true;
  }
  return is_among(kFalse, text) ? std::optional(false) : std::nullopt;
}

bool CommandLine::has(std::string_view option) const {
  return is_among(given, option);
}

std::optional<bool> CommandLine::feature(std::string_view name) const {
  std::optional<bool> value;
  for (const std::string& text : features) {
    const std::size_t equals = text.find('=');
    if (std::string_view(text).substr(0, equals) == name) {
      value = equals == std::string::npos
                  ? std::optional(true)
                  : parse_go_bool(std::string_view(text).substr(equals + 1));
    }
  }
  return value;
}

CommandLine parse_command_line(std::span<const std::string> arguments) {
  return Parser(arguments).parse();
}

std::vector<std::string> without_options(std::span<const std::string> arguments,
                                         std::span<const std::string_view> names) {
  return Parser(arguments, names).rest();
}

} // namespace dind::daemon
