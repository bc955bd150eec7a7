#pragma once

#include <seed/executor.hpp>
#include <store/layout.hpp>
#include <store/state.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>
#include <containerd/store_state.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace dind::test {

// Seeds caches into a data root as a boot does on a host where everything works, but for
// what a test changes here. For programs that link dind_seed.
struct Seeder {
  explicit Seeder(const TempDir& data_root) : root(data_root) {
    facts.overlay = facts.fuse_device = {true, "it can"};
    facts.free = {1U << 30U, 1U << 20U};
  }

  // Until the next call.
  seed::SeedPlan plan() {
    const std::string own = store::kOwnDir;
    EXPECT_TRUE(sys::ensure_dir_at({root.fd(), own}, 0700));
    state = store::read_state(root.path().native()).value();
    if (driver == store::kOverlayfs) {
      state = containerd::with_containerd_store(std::move(state), root.path().native());
      EXPECT_FALSE(state.containerd_refused) << state.containerd_refused->why;
    }
    receipt = seed::read_receipt(sys::open_dir_at({root.fd(), own}).value()).value();
    for (const auto& [chain_id, flaw] : flaws) {
      store::PresentLayer& layer = state.drivers.at(driver).layers.at(chain_id);
      layer.reachable = false;
      layer.flaw = Reason{flaw};
    }
    views.clear();
    facts.caches.resize(caches.size(), {.borrow = {true, "it can"}});
    for (const cache::Cache* cache : caches) {
      views.push_back({.manifest = &cache->manifest(), .canary = canary});
    }
    choice.driver = driver;
    choice.means = seed::Means::layers;
    return seed::make_plan(
        {settings, choice, facts, state.of(driver), state.of(driver), receipt, views});
  }

  Result<seed::SeedReport> run() { return execute(plan()); }

  Result<seed::SeedReport> execute(const seed::SeedPlan& what) {
    seed::SeedProgress progress;
    return seed::execute({.plan = what,
                          .driver = driver,
                          .caches = caches,
                          .state = state.of(driver),
                          .receipt = receipt,
                          .boot_id = boot_id,
                          .users = users,
                          .jobs = 2,
                          .share = clone::CloneMethod::hardlink,
                          .deadline = deadline,
                          .interrupted = interrupted},
                         root.fd(), progress);
  }

  const TempDir& root;
  std::string driver = store::kOverlay2;
  std::vector<const cache::Cache*> caches;
  config::Settings settings;
  host::HostFacts facts;
  cache::Damage canary;                // of every cache
  std::map<Digest, std::string> flaws; // of layers that are there, by chain ID
  std::string boot_id = "boot-1";
  store::Users users;
  seed::Interrupted interrupted = []() { return false; };
  std::optional<std::chrono::steady_clock::time_point> deadline;

  // What the last plan was made from.
  store::StoreState state;
  seed::Receipt receipt;
  std::vector<seed::CacheView> views;
  seed::DriverChoice choice;
};

} // namespace dind::test
