#include <fuzz/target.hpp>

#include <cache/manifest.hpp>

namespace dind::fuzz {
namespace {

void run_cache_manifest(std::string_view input) {
  require_round_trip(input, cache::parse_manifest, cache::print_manifest);
}

const Target kTargetCacheManifest("cache_manifest", run_cache_manifest);

} // namespace
} // namespace dind::fuzz
