#pragma once

#include <base/digest.hpp>
#include <cache/canary.hpp>
#include <cache/manifest.hpp>
#include <host/facts.hpp>
#include <seed/driver.hpp>
#include <seed/receipt.hpp>
#include <store/driver_state.hpp>
#include <config/settings.hpp>

#include <map>
#include <vector>

namespace dind::seed {

// What deciding needs to know of one cache.
struct CacheView {
  const cache::Manifest* manifest = nullptr;
  cache::Damage canary;                      // of the whole cache
  std::map<Digest, cache::Damage> sentinels; // of layers that have some
};

// All that a plan is made from.
struct PlanInput {
  const config::Settings& settings;
  const DriverChoice& driver;
  const host::HostFacts& facts;
  const store::DriverState& state;   // of that driver
  const store::DriverState& earlier; // of the one that was seeded into, if the engine chooses
  const Receipt& receipt;
  const std::vector<CacheView>& caches;
};

} // namespace dind::seed
