#pragma once

#include <base/digest.hpp>
#include <base/log.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dind::config {

// How the layers of a cache may get into the data root.
enum class Strategy { automatic, link, reflink, hardlink, copy, load, off };
enum class OnSeedError { go_on, fail };
enum class Verify { quick, full };
enum class Store { automatic, graph, containerd };
enum class Promote { automatic, yes, no };

// When the API's ports listen: first thing, just before dockerd starts, by what
// seeding has to do, or when dockerd itself binds them.
enum class Activate { automatic, early, late, off };
enum class TlsKey { p256, rsa4096 };

// What dockerd writes the rules of its networks with.
enum class FirewallBackend { automatic, iptables, nftables };

// A range of addresses, out of which networks of 2^(32 - size) addresses are cut.
struct AddressPool {
  std::string base; // "10.200.0.0/16"
  unsigned size = 0;
  bool operator==(const AddressPool&) const = default;
};

// Where images of the caches can be pulled from.
struct Registry {
  // Who reaches it: none; processes in the container's own network; the engine's containers, too;
  // or who reaches that address.
  enum class Reach { off, loopback, bridge, address };
  Reach reach = Reach::off;
  std::string ip; // of Reach::address
  std::uint16_t port = 5000;
  bool operator==(const Registry&) const = default;
};

// How dockerd listens, and what stands in its daemon.json beside the storage.
struct EngineSettings {
  Activate activate = Activate::automatic;      // DIND_ACTIVATE
  TlsKey tls_key = TlsKey::p256;                // DIND_TLS_KEY
  std::string tcp_bind;                         // DIND_TCP_BIND; "" = every address
  std::vector<std::string> registry_mirrors;    // DIND_REGISTRY_MIRRORS
  std::vector<std::string> insecure_registries; // DIND_INSECURE_REGISTRIES
  std::vector<std::string> dns;                 // DIND_DNS
  std::string bip;                              // DIND_BIP; "" = the engine's own choice
  std::vector<AddressPool> address_pools;       // DIND_DEFAULT_ADDRESS_POOLS
  unsigned mtu = 0;                             // DIND_MTU; 0 = the uplink's, if it is small
  FirewallBackend firewall_backend = FirewallBackend::automatic; // DIND_FIREWALL_BACKEND
  bool operator==(const EngineSettings&) const = default;
};

// What besides dockerd's own end ends it: nothing, a file that appears, the end of the
// pod's other main process, or a time without work.
enum class ExitOn { never, file, main, idle };

struct ExitWith {
  ExitOn on = ExitOn::never;
  std::string path;             // of ExitOn::file
  std::chrono::seconds idle{0}; // of ExitOn::idle
  bool operator==(const ExitWith&) const = default;
};

struct Restart {
  bool on_failure = false;
  std::optional<unsigned> most; // restarts in a row; absent = without limit
  bool operator==(const Restart&) const = default;
};

struct FileLimit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const FileLimit&) const = default;
};

enum class OnHookError { go_on, fail };

// How dockerd is watched and ended. Plain data, for the stage that supervises.
struct SupervisionSettings {
  std::chrono::seconds stop_timeout{0};            // DIND_STOP_TIMEOUT; 0 = wait without limit
  std::chrono::seconds drain{0};                   // DIND_DRAIN; 0 = off
  std::string drain_ignore;                        // DIND_DRAIN_IGNORE: a label; "" = none
  ExitWith exit_with;                              // DIND_EXIT_WITH
  Restart restart;                                 // DIND_RESTART
  std::vector<std::pair<int, int>> signal_rewrite; // DIND_SIGNAL_REWRITE: from, to; 0 = none
  std::vector<int> exit_remap;                     // DIND_EXIT_REMAP: codes that become 0
  std::string ready_file;                          // DIND_READY_FILE; "" = none
  std::string metrics_file;                        // DIND_METRICS_FILE; "" = none
  OnHookError on_hook_error = OnHookError::go_on;  // DIND_HOOK_ON_ERROR
  std::optional<FileLimit> nofile;                 // DIND_NOFILE; absent = as inherited
  bool operator==(const SupervisionSettings&) const = default;
};

// All that the user asked for: environment, command line and daemon.json, with
// defaults in the place of what was not said. Nothing here was looked up on the host.
struct Settings {
  std::vector<std::string> cache_dirs = {"/var/lib/dind-cache"}; // DIND_CACHE_DIR
  std::optional<Digest> cache_digest;                            // DIND_CACHE_DIGEST
  Strategy seed = Strategy::automatic;                           // DIND_SEED
  unsigned seed_jobs = 0;                         // DIND_SEED_JOBS; 0 = as many as there are CPUs
  std::chrono::seconds seed_budget{0};            // DIND_SEED_BUDGET; 0 = no limit
  OnSeedError on_seed_error = OnSeedError::go_on; // DIND_SEED_ON_ERROR
  bool reseed = true;                             // DIND_RESEED
  Promote promote = Promote::automatic;           // DIND_PROMOTE
  Verify verify = Verify::quick;                  // DIND_VERIFY
  Store store = Store::automatic;                 // DIND_STORE, "features" of daemon.json
  std::string required_driver;  // DIND_STORAGE_DRIVER, --storage-driver, daemon.json; "" = none
  std::string preferred_driver; // DOCKER_DRIVER; "" = none
  std::vector<std::string> allowed_drivers; // DIND_REQUIRE_DRIVER; empty = all
  std::optional<std::uint64_t> loop_bytes;  // DIND_LOOP_SIZE; absent = automatic, 0 = never
  std::string userns_remap; // "userns-remap" of the command line or daemon.json; "" = none
  std::string data_root = "/var/lib/docker";
  log::Level log_level = log::Level::info;      // DIND_LOG_LEVEL
  log::Format log_format = log::Format::logfmt; // DIND_LOG_FORMAT
  bool cgroup_namespace = true;                 // DIND_CGROUPNS
  Registry registry;                            // DIND_REGISTRY
  EngineSettings engine;
  SupervisionSettings supervision;
  bool operator==(const Settings&) const = default;
};

} // namespace dind::config
