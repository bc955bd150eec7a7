#pragma once

#include <base/result.hpp>
#include <cache/reader.hpp>
#include <seed/plan.hpp>
#include <config/settings.hpp>

#include <string>
#include <vector>

namespace dind::boot {

// The caches that can be used, in the order of DIND_CACHE_DIR, and why others cannot.
struct Caches {
  std::vector<cache::Cache> open;
  std::string failure;                   // empty if there is none; the default cache may be missing
  std::vector<std::string> refused = {}; // paths of those whose content is not what it should be
};

// Opens every cache and checks it against DIND_CACHE_DIGEST.
Caches open_caches(const config::Settings& settings);

// Mounts every cache read-only on itself: a job must not be able to write to what other
// containers borrow. After seeding, since nothing can be linked from one mount into another.
void protect(const Caches& caches);

// What the canary and the sentinels of a cache tell about it and, with
// DIND_VERIFY=full, the hashes of everything.
Result<seed::CacheView> view_of(const cache::Cache& cache, config::Verify verify);

} // namespace dind::boot
