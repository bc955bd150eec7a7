#include <config/variables.hpp>

#include <base/environment.hpp>
#include <base/spelling.hpp>
#include <config/network_values.hpp>
#include <config/readers.hpp>
#include <config/supervision_values.hpp>
#include <config/values.hpp>

#include <fmt/format.h>

namespace dind::config {
namespace {

constexpr Choices<Strategy, 7> kStrategies = {{{"auto", Strategy::automatic},
                                               {"link", Strategy::link},
                                               {"reflink", Strategy::reflink},
                                               {"hardlink", Strategy::hardlink},
                                               {"copy", Strategy::copy},
                                               {"load", Strategy::load},
                                               {"off", Strategy::off}}};
constexpr Choices<OnSeedError, 2> kOnSeedError = {
    {{"continue", OnSeedError::go_on}, {"fail", OnSeedError::fail}}};
constexpr Choices<OnHookError, 2> kOnHookError = {
    {{"continue", OnHookError::go_on}, {"fail", OnHookError::fail}}};
constexpr Choices<Verify, 2> kVerify = {{{"quick", Verify::quick}, {"full", Verify::full}}};
constexpr Choices<Store, 3> kStore = {
    {{"auto", Store::automatic}, {"graph", Store::graph}, {"containerd", Store::containerd}}};
constexpr Choices<Promote, 7> kPromote = {{{"auto", Promote::automatic},
                                           {"yes", Promote::yes},
                                           {"no", Promote::no},
                                           {"true", Promote::yes},
                                           {"false", Promote::no},
                                           {"1", Promote::yes},
                                           {"0", Promote::no}}};
constexpr Choices<Activate, 4> kActivate = {{{"auto", Activate::automatic},
                                             {"early", Activate::early},
                                             {"late", Activate::late},
                                             {"off", Activate::off}}};
constexpr Choices<FirewallBackend, 3> kFirewallBackend = {
    {{"auto", FirewallBackend::automatic},
     {"iptables", FirewallBackend::iptables},
     {"nftables", FirewallBackend::nftables}}};
constexpr Choices<TlsKey, 2> kTlsKey = {{{"p256", TlsKey::p256}, {"rsa4096", TlsKey::rsa4096}}};
constexpr Choices<bool, 6> kBoolean = {
    {{"1", true}, {"0", false}, {"true", true}, {"false", false}, {"yes", true}, {"no", false}}};
constexpr Choices<bool, 2> kCgroupNamespace = {{{"auto", true}, {"off", false}}};
constexpr Choices<log::Level, 4> kLevel = {{{"debug", log::Level::debug},
                                            {"info", log::Level::info},
                                            {"warn", log::Level::warn},
                                            {"error", log::Level::error}}};
constexpr Choices<log::Format, 2> kFormat = {
    {{"logfmt", log::Format::logfmt}, {"json", log::Format::json}}};

constexpr std::uint64_t kMostJobs = 256;
constexpr std::uint64_t kLeastMtu = 68; // RFC 791
constexpr std::uint64_t kMostMtu = 65535;

// Driver names become folder names in the data root.
bool is_driver_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::optional<std::string> parse_driver(std::string_view text) {
  if (text == "auto") {
    return "";
  }
  return is_driver_name(text) ? std::optional(std::string(text)) : std::nullopt;
}

std::optional<Digest> parse_digest(std::string_view text) {
  Result<Digest> digest = Digest::parse(text);
  return digest ? std::optional(std::move(digest).value()) : std::nullopt;
}

// Absent is automatic.
std::optional<std::optional<std::uint64_t>> parse_loop_size(std::string_view text) {
  if (text == "auto") {
    return std::optional<std::uint64_t>();
  }
  if (const auto bytes = parse_size(text)) {
    return std::make_optional(bytes);
  }
  return std::nullopt;
}

bool is_absolute(std::string_view path) {
  return path.starts_with('/');
}

bool is_anything(std::string_view) {
  return true;
}

// A member of the settings, or of one of their groups.
template <auto... Members>
constexpr auto& in(Settings& settings) {
  return (settings.*....*Members);
}

using E = EngineSettings;
using S = SupervisionSettings;
constexpr auto kEngine = &Settings::engine;
constexpr auto kSupervision = &Settings::supervision;

// One row a setting: this is all that there is to add but the member that it fills, and its row in
// docker/REFERENCE.md.
const std::vector<Variable>& table() {
  static const std::vector<Variable> kTable = {
      {"DIND_CACHE_DIR", "/var/lib/dind-cache",
       list(in<&Settings::cache_dirs>, is_absolute, ":", "not absolute paths, separated by \":\"")},
      {"DIND_CACHE_DIGEST", "",
       parsed(in<&Settings::cache_digest>, parse_digest,
              "not sha256: and 64 lower-case hex digits")},
      {"DIND_SEED", "auto", one_of(in<&Settings::seed>, kStrategies)},
      {"DIND_SEED_JOBS", "", number(in<&Settings::seed_jobs>, 1, kMostJobs)},
      {"DIND_SEED_BUDGET", "0", seconds(in<&Settings::seed_budget>)},
      {"DIND_SEED_ON_ERROR", "continue", one_of(in<&Settings::on_seed_error>, kOnSeedError)},
      {"DIND_RESEED", "yes", one_of(in<&Settings::reseed>, kBoolean)},
      {"DIND_PROMOTE", "auto", one_of(in<&Settings::promote>, kPromote)},
      {"DIND_LOOP_SIZE", "auto",
       parsed(in<&Settings::loop_bytes>, parse_loop_size,
              "not \"auto\", 0, or a size such as 20g")},
      {"DIND_VERIFY", "quick", one_of(in<&Settings::verify>, kVerify)},
      {"DIND_STORAGE_DRIVER", "auto",
       parsed(in<&Settings::required_driver>, parse_driver,
              "not the name of a storage driver, such as overlay2 or vfs")},
      // A preference that cannot be had is passed over, so any text will do.
      {"DOCKER_DRIVER", "", text(in<&Settings::preferred_driver>, is_anything, "")},
      {"DIND_REQUIRE_DRIVER", "",
       list(in<&Settings::allowed_drivers>, is_driver_name, ", ",
            "not a list of storage drivers, separated by \",\"")},
      {"DIND_STORE", "auto", one_of(in<&Settings::store>, kStore)},
      {"DIND_REGISTRY_MIRRORS", "",
       list(in<kEngine, &E::registry_mirrors>, is_mirror_url, ", ",
            "not URLs such as https://mirror.example, separated by \",\"")},
      {"DIND_INSECURE_REGISTRIES", "",
       list(in<kEngine, &E::insecure_registries>, is_registry, ", ",
            "not registries such as registry.example:5000 or 10.0.0.0/8, separated by \",\"")},
      {"DIND_DNS", "",
       list(in<kEngine, &E::dns>, is_ip_address, ", ", "not IP addresses, separated by \",\"")},
      {"DIND_BIP", "",
       text(in<kEngine, &E::bip>, is_cidr,
            "not the bridge's address with its prefix, such as 172.30.0.1/16")},
      {"DIND_DEFAULT_ADDRESS_POOLS", "",
       parsed_list(in<kEngine, &E::address_pools>, parse_address_pool, "; ",
                   "not pools such as base=10.200.0.0/16,size=24, separated by \";\"")},
      {"DIND_MTU", "", number(in<kEngine, &E::mtu>, kLeastMtu, kMostMtu)},
      {"DIND_FIREWALL_BACKEND", "auto",
       one_of(in<kEngine, &E::firewall_backend>, kFirewallBackend)},
      {"DIND_REGISTRY", "off",
       parsed(in<&Settings::registry>, parse_registry,
              "not off, loopback, bridge, or ADDRESS:PORT")},
      {"DIND_CGROUPNS", "auto", one_of(in<&Settings::cgroup_namespace>, kCgroupNamespace)},
      {"DIND_READY_FILE", "", file_path(in<kSupervision, &S::ready_file>)},
      {"DIND_ACTIVATE", "auto", one_of(in<kEngine, &E::activate>, kActivate)},
      {"DIND_TLS_KEY", "p256", one_of(in<kEngine, &E::tls_key>, kTlsKey)},
      {"DIND_TCP_BIND", "",
       text(in<kEngine, &E::tcp_bind>, is_ip_address, "not an IP address, such as 127.0.0.1")},
      {"DIND_STOP_TIMEOUT", "0", seconds(in<kSupervision, &S::stop_timeout>)},
      {"DIND_DRAIN", "0", seconds(in<kSupervision, &S::drain>)},
      {"DIND_DRAIN_IGNORE", "", text(in<kSupervision, &S::drain_ignore>, is_anything, "")},
      {"DIND_EXIT_WITH", "",
       parsed(in<kSupervision, &S::exit_with>, parse_exit_with,
              "not file:PATH (absolute), main, or idle:SECONDS")},
      {"DIND_RESTART", "no",
       parsed(in<kSupervision, &S::restart>, parse_restart, "not no, on-failure, or on-failure:N")},
      {"DIND_SIGNAL_REWRITE", "",
       parsed_list(in<kSupervision, &S::signal_rewrite>, parse_rewrite, ", ",
                   "not pairs of signals such as TERM:QUIT, separated by \",\"")},
      {"DIND_EXIT_REMAP", "",
       parsed_list(in<kSupervision, &S::exit_remap>, parse_exit_code, ", ",
                   "not exit codes from 0 to 255, separated by \",\"")},
      {"DIND_HOOK_ON_ERROR", "continue", one_of(in<kSupervision, &S::on_hook_error>, kOnHookError)},
      {"DIND_NOFILE", "",
       parsed(in<kSupervision, &S::nofile>, parse_file_limit,
              "not a number of open files, or SOFT:HARD")},
      {"DIND_METRICS_FILE", "", file_path(in<kSupervision, &S::metrics_file>)},
      {"DIND_LOG_LEVEL", "info", one_of(in<&Settings::log_level>, kLevel)},
      {"DIND_LOG_FORMAT", "logfmt", one_of(in<&Settings::log_format>, kFormat)},
  };
  return kTable;
}

// How far a name may be from one of ours to count as that one misspelt.
constexpr std::size_t kNear = 3;

// The stock image's own, and a Kubernetes service's.
bool is_foreign(std::string_view name) {
  return name == "DIND_COMMIT" || name.starts_with("DIND_PORT") ||
         name.starts_with("DIND_SERVICE_") || name.find("_SERVICE_") != std::string_view::npos ||
         name.find("_PORT") != std::string_view::npos;
}

std::optional<std::string> judge(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Variable& variable : variables()) {
    names.push_back(variable.name);
  }
  const std::string_view nearest = nearest_word(name, names, kNear);
  if (nearest.empty() || nearest == name || is_foreign(name)) {
    return std::nullopt;
  }
  return fmt::format("{} is not a setting of dind-init: is {} meant?", name, nearest);
}

} // namespace

std::span<const Variable> variables() {
  return table();
}

Result<Settings> read_settings(std::span<const std::string> environment) {
  Settings settings;
  for (const Variable& variable : variables()) {
    const auto value = find_variable(environment, variable.name);
    if (!value) {
      continue;
    }
    if (const auto allowed = variable.read(*value, settings)) {
      return input_error("{}={}: {}", variable.name, without_passwords(*value), *allowed);
    }
  }
  return settings;
}

std::vector<std::string> judge_variables(std::span<const std::string> environment) {
  std::vector<std::string> warnings;
  for (const std::string_view entry : environment) {
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with("DIND_") || equals == std::string_view::npos ||
        equals + 1 == entry.size()) {
      continue;
    }
    if (auto warning = judge(entry.substr(0, equals))) {
      warnings.push_back(*std::move(warning));
    }
  }
  return warnings;
}

} // namespace dind::config
