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
#include <string>

namespace dind::containerd {
namespace {

constexpr std::size_t kConfigLimit = 16U << 20U;
constexpr std::size_t kMaxSnapshots = 1000; // of a chain: more than the kernel mounts

class Reading {
public:
  Reading(const State& state, const Fd& data_root) : state_(state), root_(data_root) {}

  Result<store::DriverState> read() {
    TRY(read_images());
    for (const auto& [name, image] : state_.images) {
      const auto id = image_id_of(state_, image.target);
      const auto familiar = familiar_name(name);
      if (id && familiar) {
        result_.references.emplace(*familiar, *id);
        if (!result_.images.contains(*id) || !is_whole(image.target)) {
          result_.images.erase(*id);
          result_.changed_images.insert(*id);
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
      const auto config = read_blob(digest, kConfigLimit);
      auto diff_ids = store::diff_ids_of(config ? *config : "");
      if (diff_ids) { // else dockerd cannot use it
        TRY(add_layers(*diff_ids));
        result_.images.emplace(digest, std::move(diff_ids).value());
      }
    }
    return {};
  }

  // containerd hashes nothing that it has: what a job wrote into such a file would be the
  // configuration of later jobs' containers.
  Result<std::string> read_blob(const Digest& digest, std::size_t limit) const {
    const Fd file = TRY(sys::open_beneath(blobs_, digest.hex(), O_RDONLY | O_NONBLOCK));
    const struct stat status = TRY(sys::stat_of(file));
    if (!S_ISREG(status.st_mode)) {
      return input_error("it is no file");
    }
    std::string content = TRY(sys::read_all(file, limit));
    return archive::sha256_of(content) == digest
               ? Result<std::string>(std::move(content))
               : input_error("{} is not what its name says", digest.text());
  }

  // Whether a manifest is what its digest says, or an index and those of its manifests that are
  // there. Else the image is made again.
  bool is_whole(const std::string& target) const {
    const auto digest = Digest::parse(target);
    if (!digest || !read_blob(*digest, kManifestLimit)) {
      return false;
    }
    const auto& labels = state_.blobs.at(*digest).labels;
    return std::all_of(labels.begin(), labels.end(), [this](const auto& label) {
      const auto listed =
          Digest::parse(label.first.starts_with(kManifestLabel) ? label.second : "");
      return !listed || !state_.blobs.contains(*listed) || read_blob(*listed, kManifestLimit);
    });
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

  Result<void> look_up(const Digest& chain_id, store::PresentLayer& layer) const {
    for (auto below = state_.snapshots.find(chain_id.text());
         below != state_.snapshots.end() && below->second.parent && layer.lowers < kMaxSnapshots;
         below = state_.snapshots.find(*below->second.parent)) {
      ++layer.lowers;
    }
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
  store::DriverState result_;
};

} // namespace

Result<store::DriverState> driver_state_of(const State& state, const Fd& data_root) {
  return Reading(state, data_root).read();
}

} // namespace dind::containerd
