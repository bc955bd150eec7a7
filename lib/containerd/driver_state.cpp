#include <containerd/driver_state.hpp>

#include <archive/sha256.hpp>
#include <cache/manifest.hpp>
#include <store/layout.hpp>
#include <sys/file.hpp>
#include <containerd/image_names.hpp>
#include <containerd/layout.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::containerd {
namespace {

constexpr std::size_t kConfigLimit = 16U << 20U;
// Of all blobs that are read: of 1,000 images they have a quarter of that.
constexpr std::size_t kBlobsLimit = 64U << 20U;

// What the name of an image leads to.
struct Target {
  std::optional<Digest> image; // its ID
  bool is_whole = false;       // else the image is made again
};

class Reading {
public:
  Reading(const State& state, const Fd& data_root) : state_(state), root_(data_root) {}

  Result<store::DriverState> read() {
    TRY(read_images());
    for (const auto& [name, image] : state_.images) {
      const Target target = TRY(target_at(image.target));
      const auto familiar = familiar_name(name);
      if (target.image && familiar) {
        result_.references.emplace(*familiar, *target.image);
        if (!result_.images.contains(*target.image) || !target.is_whole) {
          result_.images.erase(*target.image);
          result_.changed_images.insert(*target.image);
        }
      }
    }
    for (const auto& [key, snapshot] : state_.snapshots) {
      const auto parent = Digest::parse(
          snapshot.kind != SnapshotKind::committed && snapshot.parent ? *snapshot.parent : "");
      if (parent) {
        result_.container_layers.insert(*parent);
      }
    }
    return std::move(result_);
  }

private:
  Result<void> read_images() {
    auto dir = sys::open_beneath(root_, std::string(kContentDir) + "/blobs/sha256",
                                 O_RDONLY | O_DIRECTORY);
    if (!dir && dir.error().is(std::errc::no_such_file_or_directory)) {
      return {};
    }
    if (!dir) {
      return dir.error();
    }
    blobs_ = std::move(dir).value();
    for (const auto& [digest, blob] : state_.blobs) {
      if (!blob.labels.contains(kSnapshotLabel)) {
        continue;
      }
      const auto config = TRY(read_blob(digest, kConfigLimit));
      auto diff_ids = store::diff_ids_of(config.value_or(""));
      if (diff_ids && diff_ids->size() <= store::kMostLayers) { // else dockerd cannot use it
        TRY(add_layers(*diff_ids));
        result_.images.emplace(digest, std::move(diff_ids).value());
      }
    }
    return {};
  }

  // Nothing where it cannot be read, or is not what its name says: containerd hashes nothing that
  // it has, and what a job wrote into such a file would be the configuration of later jobs'
  // containers. An error where all that was read is too much.
  Result<std::optional<std::string>> read_blob(const Digest& digest, std::size_t limit) {
    const auto file = sys::open_beneath(blobs_, digest.hex(), O_RDONLY | O_NONBLOCK);
    const auto status = file ? sys::stat_of(*file) : file.error();
    if (!status || !S_ISREG(status->st_mode)) {
      return std::optional<std::string>();
    }
    const auto size = static_cast<std::size_t>(status->st_size);
    if (size > limit) {
      return std::optional<std::string>();
    }
    if (size > left_) {
      return input_error("its configurations and manifests have more than {} bytes", kBlobsLimit);
    }
    left_ -= size;
    auto content = sys::read_all(*file, size);
    return content && archive::sha256_of(*content) == digest
               ? std::optional(std::move(content).value())
               : std::nullopt;
  }

  // Each is looked at once: thousands of names can lead to one.
  Result<Target> target_at(const std::string& text) {
    const auto known = targets_.find(text);
    if (known != targets_.end()) {
      return known->second;
    }
    Target target{.image = image_id_of(state_, text)};
    target.is_whole = target.image && TRY(is_whole(text));
    targets_.emplace(text, target);
    return target;
  }

  // Whether a manifest is what its digest says, or an index and those of its manifests that are
  // there.
  Result<bool> is_whole(const std::string& target) {
    const auto digest = Digest::parse(target);
    if (!digest || !TRY(is_intact(*digest))) {
      return false;
    }
    for (const auto& [label, value] : state_.blobs.at(*digest).labels) {
      const auto listed = Digest::parse(label.starts_with(kManifestLabel) ? value : "");
      if (listed && state_.blobs.contains(*listed) && !TRY(is_intact(*listed))) {
        return false;
      }
    }
    return true;
  }

  // Whether a manifest, or an index, is what its digest says. Each is read once.
  Result<bool> is_intact(const Digest& digest) {
    const auto known = intact_.find(digest);
    if (known != intact_.end()) {
      return known->second;
    }
    const bool intact = TRY(read_blob(digest, kManifestLimit)).has_value();
    intact_.emplace(digest, intact);
    return intact;
  }

  Result<void> add_layers(const std::vector<Digest>& diff_ids) {
    std::optional<Digest> parent;
    for (const Digest& diff_id : diff_ids) {
      const Digest chain_id = cache::next_chain_id(parent, diff_id);
      const auto snapshot = state_.snapshots.find(chain_id.text());
      if (snapshot != state_.snapshots.end() && !result_.layers.contains(chain_id)) {
        store::PresentLayer layer{.diff_id = diff_id, .parent = parent};
        layer.cache_id = std::to_string(snapshot->second.id);
        layer.ours = snapshot->second.is_ours();
        TRY(look_up(chain_id, layer).within(chain_id.text()));
        result_.layers.emplace(chain_id, std::move(layer));
      }
      parent = chain_id;
    }
    return {};
  }

  Result<void> look_up(const Digest& chain_id, store::PresentLayer& layer) {
    layer.lowers = lowers_of(chain_id.text());
    layer.tree_id = id_of(tree_key(chain_id));
    layer.marks_id = id_of(marks_key(chain_id));
    TRY(look_at(layer.files_id(), layer));
    if (layer.tree_id && layer.reachable) {
      store::PresentLayer top{.diff_id = layer.diff_id};
      TRY(look_at(layer.cache_id, top));
      layer.reachable = top.reachable;
    }
    // Without its tar-split, which comes last, it was being made anew when that was broken off.
    if (layer.ours && layer.reachable && layer.borrowed_from.empty()) {
      layer.reachable = TRY(has_tar_split(layer.cache_id));
    }
    return {};
  }

  // How many snapshots are below one: kMostSnapshotsOfAChain where they lead to each other, or are
  // more. Each is walked over once, whatever stands on it.
  std::size_t lowers_of(const std::string& key) {
    std::vector<std::string_view> above;
    std::size_t lowers = 0;
    for (auto at = state_.snapshots.find(key); at != state_.snapshots.end() && at->second.parent;
         at = state_.snapshots.find(*at->second.parent)) {
      const auto known = lowers_.find(at->first);
      if (known != lowers_.end() || above.size() > state_.snapshots.size()) {
        lowers = known != lowers_.end() ? known->second : kMostSnapshotsOfAChain;
        break;
      }
      above.push_back(at->first);
    }
    for (; !above.empty(); above.pop_back()) {
      lowers = std::min(lowers + 1, kMostSnapshotsOfAChain);
      lowers_.insert_or_assign(above.back(), lowers);
    }
    return lowers;
  }

  std::optional<std::string> id_of(const std::string& key) const {
    const auto found = state_.snapshots.find(key);
    return found == state_.snapshots.end() ? std::nullopt
                                           : std::optional(std::to_string(found->second.id));
  }

  Result<bool> has_tar_split(const std::string& id) const {
    const std::string path = store::layers_dir(store::kOverlayfs) + "/" + id;
    const Fd dir = TRY(sys::open_beneath(root_, path, O_RDONLY | O_DIRECTORY));
    const std::string name = store::kTarSplitName;
    return sys::exists_at({dir, name});
  }

  // Where the files of a snapshot are, and whether they are.
  Result<void> look_at(const std::string& id, store::PresentLayer& layer) const {
    const std::string path = store::layers_dir(store::kOverlayfs) + "/" + id;
    const auto dir = sys::open_beneath(root_, path, O_RDONLY | O_DIRECTORY);
    if (!dir) {
      return dir.error().is(std::errc::no_such_file_or_directory) ? Result<void>() : dir.error();
    }
    const std::string files = store::files_name(store::kOverlayfs);
    if (const auto target = sys::read_link_at({*dir, files})) {
      layer.borrowed_from = *target;
      layer.reachable = static_cast<bool>(sys::open_dir(*target));
      return {};
    }
    layer.reachable = static_cast<bool>(sys::open_dir_at({*dir, files}));
    return {};
  }

  const State& state_;
  const Fd& root_;
  Fd blobs_;
  std::size_t left_ = kBlobsLimit; // that may be read of blobs
  std::map<Digest, bool> intact_;
  std::map<std::string_view, Target> targets_;     // by digests of the state
  std::map<std::string_view, std::size_t> lowers_; // by keys of the state
  store::DriverState result_;
};

} // namespace

Result<store::DriverState> driver_state_of(const State& state, const Fd& data_root) {
  return Reading(state, data_root).read();
}

} // namespace dind::containerd
