#include <seed/materialise.hpp>

#include <base/utf8.hpp>
#include <cache/reader.hpp>
#include <seed/ownership.hpp>
#include <store/layout.hpp>
#include <store/tree.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/lock.hpp>
#include <clone/tree_cloner.hpp>
#include <containerd/layer_blob.hpp>
#include <containerd/store_state.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include <fmt/format.h>

namespace dind::seed {
namespace {

const std::string kTarSplit = store::kTarSplitName;

// One at a time, be it PID 1's promotion or a command. Falls with the process.
Result<Fd> take_turn(const Fd& own_dir, const Interrupted& interrupted) {
  const std::string name = "materialise.lock";
  auto lock = TRY(sys::take_lock_at({own_dir, name}, interrupted));
  return lock ? Result<Fd>(*std::move(lock)) : Error("wait for another materialisation", ECANCELED);
}

// What takes the place of a link outlives the cache, so it has to outlive a power cut as well.
Result<void> flush(const Fd& filesystem) {
  return ::syncfs(filesystem.get()) == -1 ? Result<void>(errno_error("flush the volume"))
                                          : Result<void>();
}

// A job can make a link lead to any file of the container, and a copy in the volume would outlive
// what kept that secret: only the layer's own directory in a cache is read.
Result<Fd> open_cache_of(const std::string& target, const Digest& diff_id,
                         const std::string& name) {
  const auto cache = cache::cache_of(target, diff_id, name);
  return cache ? sys::open_dir(*cache)
               : input_error("its link leads to {}, which is not the layer in a cache",
                             printable(target));
}

// The record's link to the cache's tar-split becomes a file.
Result<void> own_tar_split(const Fd& data_root, const std::string& driver, const Digest& chain_id,
                           const Digest& diff_id, const Fd& staging, const std::string& name) {
  const Fd record = TRY(sys::open_beneath(
      data_root, store::layerdb_dir(driver) + "/" + chain_id.hex(), O_RDONLY | O_DIRECTORY));
  const auto target = sys::read_link_at({record, kTarSplit});
  if (!target) {
    return {}; // a file already
  }
  const Fd cache = TRY(open_cache_of(*target, diff_id, cache::kTarSplitName));
  const Fd from = TRY(cache::open_tar_split(cache, diff_id));
  TRY(sys::remove_tree_at({staging, name}));
  const Fd to = TRY(sys::open_at({staging, name}, O_WRONLY | O_CREAT | O_EXCL, 0644));
  TRY(sys::copy_all(from, to));
  if (::fsync(to.get()) == -1) {
    return errno_error("flush {}", kTarSplit);
  }
  return sys::rename_at({staging, name}, {record, kTarSplit});
}

Result<Fd> open_layer(const Fd& data_root, const std::string& driver, const std::string& id) {
  return sys::open_beneath(data_root, store::layers_dir(driver) + "/" + id, O_RDONLY | O_DIRECTORY);
}

// The compressed layers that caches carry. Each cache is read once.
class CarriedBlobs {
public:
  Result<std::vector<cache::Blob>> of(const store::PresentLayer& layer) {
    const std::string path = cache::cache_of(layer.borrowed_from, layer.diff_id)->native();
    auto known = manifests_.find(path);
    if (known == manifests_.end()) {
      auto cache = TRY(cache::Cache::open(path));
      known = manifests_.emplace(path, cache.manifest()).first;
    }
    std::vector<cache::Blob> carried;
    if (const cache::Layer* const facts = known->second.find(layer.diff_id)) {
      std::copy_if(facts->blobs.begin(), facts->blobs.end(), std::back_inserter(carried),
                   [](const cache::Blob& blob) { return blob.carried; });
    }
    return carried;
  }

private:
  std::map<std::string, cache::Manifest> manifests_; // by the cache's path
};

// The store's links to where the layer's blobs are served become files.
Result<void> own_blobs(const Fd& data_root, const store::PresentLayer& layer, const Fd& staging,
                       CarriedBlobs& carried) {
  const Fd cache = TRY(open_cache_of(layer.borrowed_from, layer.diff_id, cache::kTreeName));
  const Fd tree = TRY(cache::open_tree(cache, layer.diff_id));
  const Fd tar_split = TRY(cache::open_tar_split(cache, layer.diff_id));
  const Fd blobs = TRY(sys::open_beneath(data_root, store::kBlobsDir, O_RDONLY | O_DIRECTORY));
  if (sys::read_link_at({blobs, layer.diff_id.hex()})) {
    TRY(containerd::write_layer_blob({layer.diff_id, tree, tar_split}, staging, blobs,
                                     sys::Durable::yes));
  }
  for (const cache::Blob& blob : TRY(carried.of(layer))) {
    if (sys::read_link_at({blobs, blob.digest.hex()})) {
      const Fd content = TRY(cache::open_blob(cache, blob.digest, blob.size));
      TRY(containerd::copy_carried_blob(blob.digest, content, staging, blobs, sys::Durable::yes));
    }
  }
  const Fd snapshot = TRY(open_layer(data_root, store::kOverlayfs, layer.cache_id));
  return containerd::keep_tar_split(tar_split, staging, snapshot, sys::Durable::yes);
}

// What the engine makes the layer's tar of.
Result<void> own_record(const Fd& data_root, const std::string& driver, const Digest& chain_id,
                        const store::PresentLayer& layer, const Fd& staging,
                        const std::string& name, CarriedBlobs& carried) {
  return driver == store::kOverlayfs
             ? own_blobs(data_root, layer, staging, carried)
             : own_tar_split(data_root, driver, chain_id, layer.diff_id, staging, name);
}

Result<void> own_files(const Materialise& what, const Fd& data_root,
                       const store::PresentLayer& layer, const Fd& staging, const std::string& name,
                       clone::CloneProgress& progress) {
  const Fd dir = TRY(open_layer(data_root, what.driver, layer.files_id()));
  const Fd cache = TRY(open_cache_of(layer.borrowed_from, layer.diff_id, cache::kTreeName));
  const Fd from = TRY(cache::open_tree(cache, layer.diff_id));
  TRY(sys::remove_tree_at({staging, name}));
  TRY(sys::make_dir_at({staging, name}, 0755));
  const Fd to = TRY(sys::open_dir_at({staging, name}));
  TRY(clone::clone_tree(
      from, to,
      {.method = clone::CloneMethod::copy, .jobs = what.jobs, .interrupted = what.interrupted},
      progress));
  TRY(flush(to));
  return sys::exchange_at({staging, name}, {dir, store::files_name(what.driver)});
}

// Whether it still is what the state says: others may have been here, or dockerd has removed it.
bool is_borrowed(const Fd& data_root, const std::string& driver, const store::PresentLayer& layer) {
  const auto dir = open_layer(data_root, driver, layer.files_id());
  return dir && sys::read_link_at({*dir, store::files_name(driver)});
}

} // namespace

Result<MaterialiseReport> materialise(const Materialise& what, const Fd& data_root,
                                      clone::CloneProgress& progress) {
  const std::string own = store::kOwnDir;
  const Fd own_dir = TRY(sys::open_dir_at({data_root, own}));
  const Fd lock = TRY(take_turn(own_dir, what.interrupted));
  const std::string folder = "materialise";    // not the staging of a seeding
  TRY(sys::remove_tree_at({own_dir, folder})); // of one that was killed
  TRY(sys::make_dir_at({own_dir, folder}, 0700));
  const Fd staging = TRY(sys::open_dir_at({own_dir, folder}));
  MaterialiseReport report;
  CarriedBlobs carried;
  for (const Digest& chain_id : what.layers) {
    const auto found = what.state.layers.find(chain_id);
    if (found == what.state.layers.end() || found->second.borrowed_from.empty() ||
        !is_borrowed(data_root, what.driver, found->second)) {
      continue;
    }
    const std::string name = chain_id.hex();
    // The record first: a link to files that are there is right in any case.
    auto done = own_record(data_root, what.driver, chain_id, found->second, staging, name, carried);
    if (done) {
      done = own_files(what, data_root, found->second, staging, name, progress);
    }
    std::ignore = sys::remove_tree_at({staging, name}); // the link now, or what was begun
    if (done) {
      report.done.push_back(chain_id);
    } else if (done.error().is(std::errc::operation_canceled)) {
      return done.error();
    } else {
      report.failed.push_back(fmt::format("layer {}: {}", found->second.diff_id.short_hex(),
                                          std::move(done).error().describe()));
    }
  }
  std::ignore = sys::remove_tree_at({own_dir, folder});
  if (!report.done.empty()) {
    TRY(flush(own_dir)); // the renames
  }
  return report;
}

Result<store::StoreState> read_living_state(const std::string& data_root) {
  store::StoreState state = TRY(store::read_state(data_root).within(data_root));
  return state.has_containerd_images ? containerd::with_containerd_store(
                                           std::move(state), data_root, containerd::Engine::may_run)
                                     : std::move(state);
}

std::set<Digest> layers_of_users(const store::DriverState& state, const Receipt& receipt) {
  std::set<Digest> layers;
  for (const Digest& chain_id : state.container_layers) {
    add_chain(state.layers, chain_id, layers);
  }
  const auto names = names_by_image(state);
  for (const auto& [id, diff_ids] : state.images) {
    const auto own = names.find(id);
    if (!is_the_caches(id, own == names.end() ? std::vector<std::string>() : own->second,
                       receipt)) {
      add_chain(state.layers, top_of(diff_ids), layers);
    }
  }
  return layers;
}

} // namespace dind::seed
