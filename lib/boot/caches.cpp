#include <boot/caches.hpp>

#include <base/log.hpp>
#include <cache/verify.hpp>
#include <sys/mount.hpp>

namespace dind::boot {
namespace {

Result<cache::Cache> open_cache(const std::string& dir, const config::Settings& settings) {
  const auto path = TRY(sys::canonical_path(dir)); // the engine's links will lead there
  cache::Cache cache = TRY(cache::Cache::open(path));
  if (settings.cache_digest && cache.digest() != *settings.cache_digest) {
    return input_error("cache.json is {}, and DIND_CACHE_DIGEST asks for {}", cache.digest().text(),
                       settings.cache_digest->text());
  }
  return cache;
}

// The user did not ask for the cache at the default place, so that its absence is no warning.
bool is_default_and_absent(const std::string& dir, const Error& error) {
  static const config::Settings kDefaults;
  return dir == kDefaults.cache_dirs.front() && error.is(std::errc::no_such_file_or_directory) &&
         !sys::open_path(dir, O_PATH);
}

Result<void> verify_fully(const cache::Cache& cache, seed::CacheView& view) {
  const auto flaws = TRY(cache::verify(cache, nullptr));
  for (const cache::Flaw& flaw : flaws) {
    log::warn("{}/{}: {}", cache.path().native(), flaw.path, flaw.what);
    for (const cache::Layer& layer : cache.manifest().layers) {
      if (flaw.path.starts_with(cache::layer_dir(layer.diff_id))) {
        view.sentinels[layer.diff_id].missing.push_back(flaw.path + " as it was baked");
      }
    }
  }
  return {};
}

Result<seed::CacheView> view_of(const cache::Cache& cache, config::Verify verify) {
  seed::CacheView view{.manifest = &cache.manifest()};
  view.canary = TRY(cache::check_canary(cache.root(), cache.manifest()));
  for (const cache::Layer& layer : cache.manifest().layers) {
    const auto tree = cache.open_tree(layer.diff_id);
    auto damage =
        tree ? cache::check_sentinels(*tree, layer.sentinels) : Result<cache::Damage>(tree.error());
    if (!damage) {
      view.sentinels[layer.diff_id].missing.push_back("a usable tree: " +
                                                      std::move(damage).error().describe());
    } else if (!damage->is_whole()) {
      view.sentinels[layer.diff_id] = std::move(damage).value();
    }
  }
  if (verify == config::Verify::full) {
    TRY(verify_fully(cache, view));
  }
  return view;
}

} // namespace

seed::Cached has_images(const Caches& caches) {
  return caches.open.empty() ? seed::Cached::nothing : seed::Cached::images;
}

Caches open_caches(const config::Settings& settings) {
  Caches caches;
  for (const std::string& dir : settings.cache_dirs) {
    auto cache = open_cache(dir, settings);
    if (cache) {
      log::info("cache {}: {} images, {} layers", dir, cache->manifest().images.size(),
                cache->manifest().layers.size());
      caches.open.push_back(std::move(cache).value());
    } else if (is_default_and_absent(dir, cache.error())) {
      log::info("no cache at {}: starting with what the data root holds", dir);
    } else {
      const auto path = sys::canonical_path(dir);
      if (path && cache.error().code() == 0) { // for what it says, not for what cannot be read
        caches.refused.push_back(path->native());
      }
      caches.failure = Reason{std::move(cache).error().within("open the cache " + dir).describe()};
    }
  }
  return caches;
}

void protect(const Caches& caches) {
  for (const cache::Cache& cache : caches.open) {
    if (const auto bound = sys::bind_read_only(cache.path()); !bound) {
      log::warn("the cache stays writable: {}", bound.error().describe());
    }
  }
}

Result<Caches> looked_into(Caches caches, config::Verify verify) {
  for (const cache::Cache& cache : caches.open) {
    caches.views.push_back(TRY(view_of(cache, verify)));
  }
  return caches;
}

} // namespace dind::boot
