#include <containerd/image_records.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <base/log.hpp>
#include <cache/media_types.hpp>
#include <cache/reference.hpp>
#include <store/layout.hpp>
#include <store/tree.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <containerd/image_names.hpp>
#include <containerd/layer_blob.hpp>
#include <containerd/layout.hpp>
#include <containerd/made_manifest.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

namespace dind::containerd {
namespace {

constexpr mode_t kBlobMode = 0444;

// What is there already need not be written, and a full volume keeps it.
Result<void> put_blob(const Fd& blobs, const Digest& digest, const std::string& content) {
  const std::string& name = digest.hex();
  const auto there = sys::read_file_at({blobs, name}, content.size());
  return there && *there == content
             ? Result<void>()
             : sys::replace_file_at({blobs, name}, content, kBlobMode, sys::Durable::no);
}

// As the engine labels what it pulled. A push mounts a layer from such a repository, and BuildKit
// takes a manifest that it looks for by its digest (moby/buildkit util/contentutil, HasSource).
template <typename Repositories>
void add_sources(Labels& labels, const Repositories& repositories) {
  for (const std::string& repository : repositories) {
    const std::size_t slash = repository.find('/');
    if (slash != std::string::npos) {
      const std::string host = repository.substr(0, slash).substr(0, repository.find(':'));
      std::string& of_host = labels[kSourceLabel + host]; // without its port
      of_host += (of_host.empty() ? "" : ",") + repository.substr(slash + 1);
    }
  }
}

// Of its names with a digest.
std::set<std::string> repositories_of(const cache::Image& image) {
  std::set<std::string> repositories;
  for (const std::string& name : image.digests) {
    if (const auto reference = cache::parse_reference(name)) {
      repositories.insert(reference->repository());
    }
  }
  return repositories;
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

Result<void> ImageRecords::add_image(const cache::Image& image, const cache::Cache& cache,
                                     const std::optional<Digest>&) {
  const std::string config = TRY(cache.read_config(image.id));
  TRY(put_blob(blobs_, image.id, config));
  Blob of_config{.size = config.size()};
  if (!image.layers.empty()) {
    of_config.labels.emplace(kSnapshotLabel, cache::chain_ids(image.layers).back().text());
  }
  changes_->add_blob(image.id, std::move(of_config));
  const auto original = read_original_manifest(cache, image);
  if (!original) {
    log::warn("{} cannot be had by the digest of its registry: {}", cache::label_of(image),
              original.error().describe());
  }
  std::optional<Image> target;
  if (original && *original) {
    target = TRY(add_original(**original, image, cache));
  }
  targets_.insert_or_assign(image.id, target ? *target : TRY(add_made(image, cache.manifest())));
  return {};
}

// The manifest of the image `id`, or its index.
Result<Image> ImageRecords::add_document(const Digest& id, const cache::Document& facts,
                                         const std::string& text, Labels labels) {
  TRY(put_blob(blobs_, facts.digest, text));
  changes_->add_blob(facts.digest, {.size = text.size(), .labels = std::move(labels)});
  Image target{facts.digest.text(), facts.media_type, text.size()};
  documents_.insert_or_assign(facts.digest, Document{id, target});
  return target;
}

// By its names with a digest the image is there as it came. Its tags lead there where all blobs can
// be had, and nowhere else, or `docker save` would write an archive without its layers.
Result<std::optional<Image>> ImageRecords::add_original(const OriginalManifest& original,
                                                        const cache::Image& image,
                                                        const cache::Cache& cache) {
  const auto repositories = repositories_of(image);
  Labels labels = {{kConfigLabel, image.id.text()}};
  add_sources(labels, repositories);
  for (std::size_t i = 0; i < original.blobs.size(); ++i) {
    const Digest& digest = original.blobs[i];
    const cache::Layer& layer = *cache.manifest().find(image.layers[i]);
    labels.emplace(kLayerLabel + std::to_string(i), digest.text());
    TRY(digest == layer.diff_id ? link_blob_of(layer) : add_compressed(digest, layer, cache));
  }
  Image target = TRY(add_document(image.id, original.facts, original.text, std::move(labels)));
  const auto index = read_original_index(cache, image);
  if (!index) {
    log::warn("{} cannot be had by the digest of its index: {}", cache::label_of(image),
              index.error().describe());
  } else if (*index) {
    Labels listed;
    add_sources(listed, repositories);
    for (std::size_t i = 0; i < (*index)->manifests.size(); ++i) {
      listed.emplace(kManifestLabel + std::to_string(i), (*index)->manifests[i].text());
    }
    target = TRY(add_document(image.id, (*index)->facts, (*index)->text, std::move(listed)));
  }
  return original.is_whole ? std::optional(target) : std::nullopt;
}

Result<Image> ImageRecords::add_made(const cache::Image& image, const cache::Manifest& manifest) {
  Labels labels = {{kConfigLabel, image.id.text()}};
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    labels.emplace(kLayerLabel + std::to_string(i), image.layers[i].text());
    TRY(link_blob_of(*manifest.find(image.layers[i])));
  }
  const std::string made = made_manifest(image, manifest);
  return add_document(image.id, {archive::sha256_of(made), made.size(), kManifestType}, made,
                      std::move(labels));
}

Result<void> ImageRecords::link_blob_of(const cache::Layer& layer) {
  const bool is_there = has_file(layer.diff_id);
  if (!is_there) {
    changes_->add_blob(layer.diff_id, {.size = layer.tar_bytes});
  }
  return is_there ? Result<void>() : link_blob(layer.diff_id);
}

// Whether the blob is a file of the store. One without a record is what a killed seeding left.
bool ImageRecords::has_file(const Digest& digest) const {
  return (written_.contains(digest) || changes_->state().blobs.contains(digest)) &&
         is_file(blobs_, digest.hex());
}

Result<void> ImageRecords::link_blob(const Digest& digest) {
  const std::string& name = digest.hex();
  const std::string target = std::string(kMadeBlobs) + "/" + name;
  const auto there = sys::read_link_at({blobs_, name});
  if (there && *there == target) {
    return {};
  }
  TRY(sys::remove_tree_at({blobs_, name}));
  return sys::symlink_at(target, {blobs_, name});
}

// A layer as a registry has it: served from the cache, if that carries it, and a file of the store
// where the layer is to outlive the cache.
Result<void> ImageRecords::add_compressed(const Digest& digest, const cache::Layer& layer,
                                          const cache::Cache& cache) {
  const cache::Blob& blob =
      *std::find_if(layer.blobs.begin(), layer.blobs.end(),
                    [&](const cache::Blob& each) { return each.digest == digest; });
  const bool is_there = has_file(digest);
  Labels labels = {{kUncompressedLabel, layer.diff_id.text()}};
  add_sources(labels, blob.repositories);
  changes_->add_blob(digest, {.size = blob.size, .labels = std::move(labels)});
  if (is_there) {
    return {};
  }
  return blob.carried && has_file(layer.diff_id) ? copy_blob(blob, cache) : link_blob(digest);
}

Result<void> ImageRecords::copy_blob(const cache::Blob& blob, const cache::Cache& cache) {
  const Fd file = TRY(cache::open_blob(cache.root(), blob.digest, blob.size));
  TRY(copy_carried_blob(blob.digest, file, staging_, blobs_, sys::Durable::no));
  written_.insert(blob.digest);
  return {};
}

Result<std::size_t>
ImageRecords::add_references(const std::map<std::string, Digest>& references,
                             const std::map<std::string, std::set<Digest>>& given) {
  std::map<std::string, Image> named;
  std::vector<std::pair<std::string, Digest>> by_digest;
  for (const auto& [name, id] : references) {
    const auto full = full_name(name);
    if (full && full->find('@') != std::string::npos) {
      by_digest.emplace_back(*full, id);
    } else if (full && may_name(*full, id, given, name)) { // else dockerd could not look it up
      named.emplace(*full, TRY(target_of(id).within(name)));
    }
  }
  for (const auto& [name, id] : by_digest) {
    const auto target = TRY(target_by_digest(name.substr(name.find('@') + 1), id).within(name));
    if (target && !is_tagged(name, named) && may_name(name, id, given, name)) {
      named.emplace(name, *target);
    }
  }
  const std::size_t added = named.size();
  TRY(changes_->name_images(std::move(named)));
  return added;
}

// Unless it means another image that seeding did not give it to.
bool ImageRecords::may_name(const std::string& full, const Digest& id,
                            const std::map<std::string, std::set<Digest>>& given,
                            const std::string& familiar) const {
  const auto there = changes_->state().images.find(full);
  if (there == changes_->state().images.end()) {
    return true;
  }
  const auto now = image_id_of(changes_->state(), there->second.target);
  const auto earlier = given.find(familiar);
  return now && *now != id && earlier != given.end() && earlier->second.contains(*now);
}

// Whether a tag of the repository leads to this digest: dockerd finds it by that (moby
// daemon/containerd/image.go, resolveImage), and would list the image twice.
bool ImageRecords::is_tagged(const std::string& digested,
                             const std::map<std::string, Image>& added) const {
  const std::size_t at = digested.find('@');
  const std::string tag = digested.substr(0, at) + ":";
  const std::string digest = digested.substr(at + 1);
  const auto leads_there = [&](const std::map<std::string, Image>& images) {
    auto image = images.lower_bound(tag);
    for (; image != images.end() && image->first.starts_with(tag); ++image) {
      if (image->second.target == digest) {
        return true;
      }
    }
    return false;
  };
  return leads_there(added) || leads_there(changes_->state().images);
}

// What a tag is to lead to: what was added for it, or a manifest that the engine has. Of several
// one whose layers are not compressed, since their blobs can be had.
Result<Image> ImageRecords::target_of(const Digest& id) const {
  if (const auto added = targets_.find(id); added != targets_.end()) {
    return added->second;
  }
  std::optional<Digest> found;
  for (const auto& [digest, blob] : changes_->state().blobs) {
    const auto config = blob.labels.find(kConfigLabel);
    const bool is_of_image = config != blob.labels.end() && config->second == id.text();
    if (is_of_image && (!found || is_uncompressed(blob))) {
      found = digest;
    }
  }
  return found ? target_at(*found) : Error("find its manifest", ENOENT);
}

Result<std::optional<Image>> ImageRecords::target_by_digest(const std::string& text,
                                                            const Digest& id) const {
  const Digest digest = TRY(Digest::parse(text));
  if (const auto added = documents_.find(digest); added != documents_.end()) {
    return added->second.image == id ? std::optional(added->second.target) : std::nullopt;
  }
  return image_id_of(changes_->state(), text) == id ? std::optional(TRY(target_at(digest)))
                                                    : std::optional<Image>();
}

// A manifest or an index of the store.
Result<Image> ImageRecords::target_at(const Digest& digest) const {
  const std::string text = TRY(sys::read_file_at({blobs_, digest.hex()}, kManifestLimit));
  const json::value document = TRY(json::parse(text));
  const auto fields = TRY(json::Fields::of(document));
  const char* const plain =
      fields.has("manifests") ? cache::kOciIndexType : cache::kOciManifestType;
  return Image{digest.text(), TRY(fields.text_or("mediaType", plain)), text.size()};
}

bool ImageRecords::is_uncompressed(const Blob& manifest) const {
  const auto& blobs = changes_->state().blobs;
  return std::all_of(manifest.labels.begin(), manifest.labels.end(), [&](const auto& label) {
    const auto layer = Digest::parse(label.first.starts_with(kLayerLabel) ? label.second : "");
    const auto blob = layer ? blobs.find(*layer) : blobs.end();
    return blob == blobs.end() || !blob->second.labels.contains(kUncompressedLabel);
  });
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
