#pragma once

#include <base/digest.hpp>
#include <base/wishes.hpp>
#include <cache/canary.hpp>
#include <cache/manifest.hpp>
#include <host/facts.hpp>
#include <store/state.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::seed {

// How a layer gets into the data root.
enum class Method {
  present, // it is there
  link,    // borrowed: the engine's layer is a symlink to the cache's tree
  native,  // too small to be worth a link: written as the engine would
  copy,    // unpacked again from tree and tar-split
};
std::string_view name_of(Method method);

// What deciding needs to know of one cache.
struct CacheView {
  const cache::Manifest* manifest = nullptr;
  cache::Damage canary;                      // of the whole cache
  std::map<Digest, cache::Damage> sentinels; // of layers that have some
};

struct LayerStep {
  Digest chain_id;
  Digest diff_id;
  std::optional<Digest> parent; // chain ID
  std::size_t cache = 0;        // index of the cache it comes from
  Method method = Method::copy;
  std::string why;
};

struct ImageStep {
  std::size_t cache = 0;
  std::size_t image = 0;   // index in its cache's manifest
  bool present = false;    // the engine has it; only names may be new
  std::string missing_why; // not empty: the image cannot be seeded, and this is why
};

// What will be done, each with its reason. Parents come before children.
struct SeedPlan {
  // Not empty: nothing is seeded, and this says why. `is_error` tells a wish that
  // cannot be met from a plain decision.
  std::string cold_why;
  bool is_error = false;

  std::vector<LayerStep> layers;
  std::vector<ImageStep> images;
  std::vector<std::string> warnings;
};

// Which storage the engine will be told to use.
struct DriverChoice {
  std::string driver; // "" leaves the choice to the engine
  std::string why;
  std::string refusal; // not empty: what was required cannot be had (exit code 69)
  bool seedable = false;
};

// Decide, and touch nothing: the same input gives the same plan.
DriverChoice choose_driver(const Wishes& wishes, const host::HostFacts& facts,
                           const store::StoreState& state, bool has_cache);
SeedPlan make_plan(const Wishes& wishes, const DriverChoice& driver, const host::HostFacts& facts,
                   const store::StoreState& state, const std::vector<CacheView>& caches);

} // namespace dind::seed
