#pragma once

#include <base/digest.hpp>
#include <base/log.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dind {

// How the layers of a cache may get into the data root.
enum class SeedWish { automatic, link, reflink, hardlink, copy, load, off };
enum class OnSeedError { go_on, fail };
enum class VerifyWish { quick, full };
enum class StoreWish { automatic, graph, containerd };
enum class PromoteWish { automatic, yes, no };

// All that the user asked for: environment, command line and daemon.json, with
// defaults in the place of what was not said. Nothing here was looked up on the host.
struct Wishes {
  std::vector<std::string> cache_dirs = {"/var/lib/dind-cache"}; // DIND_CACHE_DIR
  std::optional<Digest> cache_digest;                            // DIND_CACHE_DIGEST
  SeedWish seed = SeedWish::automatic;                           // DIND_SEED
  unsigned seed_jobs = 0;                         // DIND_SEED_JOBS; 0 = as many as there are CPUs
  std::chrono::seconds seed_budget{0};            // DIND_SEED_BUDGET; 0 = no limit
  OnSeedError on_seed_error = OnSeedError::go_on; // DIND_SEED_ON_ERROR
  bool reseed = true;                             // DIND_RESEED
  PromoteWish promote = PromoteWish::automatic;   // DIND_PROMOTE
  VerifyWish verify = VerifyWish::quick;          // DIND_VERIFY
  StoreWish store = StoreWish::automatic;         // DIND_STORE, "features" of daemon.json
  std::string required_driver;  // DIND_STORAGE_DRIVER, --storage-driver, daemon.json; "" = none
  std::string preferred_driver; // DOCKER_DRIVER; "" = none
  std::vector<std::string> allowed_drivers; // DIND_REQUIRE_DRIVER; empty = all
  std::optional<std::uint64_t> loop_bytes;  // DIND_LOOP_SIZE; absent = automatic, 0 = never
  bool userns_remap = false;                // "userns-remap" of the command line or daemon.json
  std::string data_root = "/var/lib/docker";
  log::Level log_level = log::Level::info;      // DIND_LOG_LEVEL
  log::Format log_format = log::Format::logfmt; // DIND_LOG_FORMAT
};

} // namespace dind
