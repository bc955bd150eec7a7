#pragma once

#include <base/digest.hpp>
#include <base/log.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind {

// How the layers of a cache may get into the data root.
enum class SeedWish { automatic, link, reflink, hardlink, copy, load, off };
enum class OnSeedError { go_on, fail };
enum class VerifyWish { quick, full };
enum class StoreWish { automatic, graph, containerd };

// All that the user asked for: environment, command line and daemon.json, with
// defaults in the place of what was not said. Nothing here was looked up on the host.
struct Wishes {
  std::vector<std::string> cache_dirs = {"/var/lib/dind-cache"}; // DIND_CACHE_DIR
  std::optional<Digest> cache_digest;                            // DIND_CACHE_DIGEST
  SeedWish seed = SeedWish::automatic;                           // DIND_SEED
  OnSeedError on_seed_error = OnSeedError::go_on;                // DIND_SEED_ON_ERROR
  VerifyWish verify = VerifyWish::quick;                         // DIND_VERIFY
  StoreWish store = StoreWish::automatic; // DIND_STORE, "features" of daemon.json
  std::string required_driver;  // DIND_STORAGE_DRIVER, --storage-driver, daemon.json; "" = none
  std::string preferred_driver; // DOCKER_DRIVER; "" = none
  std::vector<std::string> allowed_drivers; // DIND_REQUIRE_DRIVER; empty = all
  std::string data_root = "/var/lib/docker";
  log::Level log_level = log::Level::info;      // DIND_LOG_LEVEL
  log::Format log_format = log::Format::logfmt; // DIND_LOG_FORMAT
};

} // namespace dind
