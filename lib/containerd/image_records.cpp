#include <containerd/image_records.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <store/layout.hpp>
#include <store/tree.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <containerd/image_names.hpp>
#include <containerd/layer_blob.hpp>
#include <containerd/layout.hpp>
#include <containerd/made_manifest.hpp>

#include <sys/stat.h>

#include <tuple>
#include <utility>
#include <vector>

namespace dind::containerd {
namespace {

constexpr mode_t kBlobMode = 0444;
constexpr std::size_t kManifestLimit = 4U << 20U; // containerd's own, of what it parses

// What is there already need not be written, and a full volume keeps it.
Result<void> put_blob(const Fd& blobs, const Digest& digest, const std::string& content) {
  const std::string& name = digest.hex();
  const auto there = sys::read_file_at({blobs, name}, content.size());
  return there && *there == content
             ? Result<void>()
             : sys::replace_file_at({blobs, name}, content, kBlobMode, sys::Durable::no);
}

bool is_file(const Fd& dir, const std::string& name) {
  const auto found = sys::stat_at({dir, name});
  return found && S_ISREG(found->st_mode);
}

} // namespace

Result<std::unique_ptr<store::ImageMetadata>>
ImageRecords::open(const Fd& data_root, std::shared_ptr<PendingChanges> changes) {
  std::unique_ptr<ImageRecords> records(new ImageRecords(std::move(changes)));
  records->staging_ = TRY(store::ensure_dirs(data_root, store::kStagingDir, 0700));
  records->blobs_ =
      TRY(store::ensure_dirs(data_root, std::string(kContentDir) + "/blobs/sha256", 0755));
  records->snapshots_ =
      TRY(store::ensure_dirs(data_root, store::layers_dir(store::kOverlayfs), 0700));
  return std::unique_ptr<store::ImageMetadata>(std::move(records));
}

Result<void> ImageRecords::add_layer(const store::LayerRecord& record) {
  if (record.tar_split_file) {
    TRY(write_blob_of(record));
  }
  return changes_->confirm(record.chain_id, record.size);
}

// From the layer's files, which are in the store.
Result<void> ImageRecords::write_blob_of(const store::LayerRecord& record) {
  const auto place = changes_->find(record.chain_id.text());
  if (!place) {
    return Error("find the layer's files", ENOENT);
  }
  const std::string id = std::to_string(place->id);
  const Fd dir = TRY(sys::open_beneath(snapshots_, id, O_RDONLY | O_DIRECTORY));
  const std::string files_name = store::files_name(store::kOverlayfs);
  const Fd files = TRY(sys::open_dir_at({dir, files_name}));
  const std::uint64_t bytes = TRY(write_layer_blob({record.diff_id, files, *record.tar_split_file},
                                                   staging_, blobs_, sys::Durable::no));
  changes_->add_blob(record.diff_id, {.size = bytes});
  written_.insert(record.diff_id);
  const auto known = changes_->state().snapshots.find(record.chain_id.text());
  const bool is_users = known != changes_->state().snapshots.end() && !known->second.is_ours();
  return is_users ? Result<void>()
                  : keep_tar_split(*record.tar_split_file, staging_, dir, sys::Durable::no);
}

Result<void> ImageRecords::add_image(const cache::Image& image, const cache::Manifest& manifest,
                                     const std::string& config, const std::optional<Digest>&) {
  const std::string made = made_manifest(image, manifest);
  const Digest digest = archive::sha256_of(made);
  TRY(put_blob(blobs_, image.id, config));
  TRY(put_blob(blobs_, digest, made));
  Blob of_config{.size = config.size()};
  Blob of_manifest{.size = made.size(), .labels = {{kConfigLabel, image.id.text()}}};
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    of_manifest.labels.emplace(kLayerLabel + std::to_string(i), image.layers[i].text());
    TRY(link_blob_of(*manifest.find(image.layers[i])));
  }
  if (!image.layers.empty()) {
    of_config.labels.emplace(kSnapshotLabel, cache::chain_ids(image.layers).back().text());
  }
  changes_->add_blob(image.id, std::move(of_config));
  changes_->add_blob(digest, std::move(of_manifest));
  targets_.insert_or_assign(image.id, Image{digest.text(), kManifestType, made.size()});
  return {};
}

Result<void> ImageRecords::link_blob_of(const cache::Layer& layer) {
  const std::string& name = layer.diff_id.hex();
  const bool has_record =
      written_.contains(layer.diff_id) || changes_->state().blobs.contains(layer.diff_id);
  if (has_record && is_file(blobs_, name)) { // without one it is what a killed seeding left
    return {};
  }
  changes_->add_blob(layer.diff_id, {.size = layer.tar_bytes});
  const std::string target = std::string(kMadeBlobs) + "/" + name;
  const auto there = sys::read_link_at({blobs_, name});
  if (there && *there == target) {
    return {};
  }
  TRY(sys::remove_tree_at({blobs_, name}));
  return sys::symlink_at(target, {blobs_, name});
}

Result<std::size_t>
ImageRecords::add_references(const std::map<std::string, Digest>& references,
                             const std::map<std::string, std::set<Digest>>& given) {
  std::map<std::string, Image> named;
  for (const auto& [name, id] : references) {
    const auto full = full_name(name);
    if (!full) {
      continue; // dockerd could not look it up
    }
    Image target = TRY(target_of(id).within(name));
    // An image is known by the digest of its manifest alone: another one would not be found.
    if (const auto at = full->find('@');
        at != std::string::npos && full->substr(at + 1) != target.target) {
      continue;
    }
    const auto there = changes_->state().images.find(*full);
    if (there != changes_->state().images.end()) {
      const auto now = image_id_of(changes_->state(), there->second.target);
      const auto earlier = given.find(name);
      const bool is_movable =
          now && *now != id && earlier != given.end() && earlier->second.contains(*now);
      if (!is_movable) {
        continue;
      }
    }
    named.insert_or_assign(*full, std::move(target));
  }
  const std::size_t added = named.size();
  TRY(changes_->name_images(std::move(named)));
  return added;
}

// What its name is to lead to: the manifest that was made for it, or the one that the engine has.
Result<Image> ImageRecords::target_of(const Digest& id) const {
  if (const auto made = targets_.find(id); made != targets_.end()) {
    return made->second;
  }
  for (const auto& [digest, blob] : changes_->state().blobs) {
    const auto config = blob.labels.find(kConfigLabel);
    if (config == blob.labels.end() || config->second != id.text()) {
      continue;
    }
    const std::string text = TRY(sys::read_file_at({blobs_, digest.hex()}, kManifestLimit));
    const json::value document = TRY(json::parse(text));
    const auto fields = TRY(json::Fields::of(document));
    return Image{digest.text(), TRY(fields.text_or("mediaType", kManifestType)), blob.size};
  }
  return Error("find its manifest", ENOENT);
}

Result<void> ImageRecords::remove_references(const std::set<Digest>& images) {
  std::vector<std::string> names;
  for (const auto& [name, image] : changes_->state().images) {
    const auto id = image_id_of(changes_->state(), image.target);
    if (id && images.contains(*id)) {
      names.push_back(name);
    }
  }
  return changes_->remove_images(std::move(names), images);
}

// Its configuration went with its names: each commit writes the list of blobs anew. containerd
// collects what no name leads to.
Result<void> ImageRecords::remove_image(const Digest&) {
  return {};
}

Result<void> ImageRecords::remove_layer(const Digest& chain_id) {
  changes_->withdraw(chain_id);
  return {};
}

} // namespace dind::containerd
