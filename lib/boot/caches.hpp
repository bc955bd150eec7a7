#pragma once

#include <base/reason.hpp>
#include <base/result.hpp>
#include <cache/reader.hpp>
#include <seed/plan.hpp>
#include <config/settings.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::boot {

// The caches that can be used, in the order of DIND_CACHE_DIR, and why others cannot.
struct Caches {
  std::vector<cache::Cache> open;
  std::optional<Reason> failure;           // the default cache may be missing
  std::vector<std::string> refused = {};   // paths of those whose content is not what it should be
  std::vector<seed::CacheView> views = {}; // of `open`, once they were looked into
};

seed::Cached has_images(const Caches& caches);

// Opens every cache and checks it against DIND_CACHE_DIGEST.
Caches open_caches(const config::Settings& settings);

// The same caches with what their canaries and sentinels tell and, with DIND_VERIFY=full, the
// hashes of everything.
Result<Caches> looked_into(Caches caches, config::Verify verify);

// Mounts every cache read-only on itself: a job must not be able to write to what other
// containers borrow. After seeding, since nothing can be linked from one mount into another.
void protect(const Caches& caches);

} // namespace dind::boot
