#pragma once

#include <archive/sha256.hpp>
#include <base/fd.hpp>
#include <store/image_metadata.hpp>
#include <containerd/original_manifest.hpp>
#include <containerd/pending_changes.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>

namespace dind::containerd {

// Where the blobs of borrowed layers are, made again when they are read (blobs/blob_server).
inline constexpr const char* kMadeBlobs = "/run/dind-init/blobs";

// What dockerd knows of images in the containerd image store: records in meta.db, and blobs.
//
// An image whose compressed blobs the cache carries has the manifest, and index, that it came with.
// Any other has the one that `docker load` makes (made_manifest), whose layers are not compressed;
// the one that it came with is there beside it, for its names with a digest, if the cache has it.
//
// Configurations, manifests and indexes are files of the store. So is the blob of a layer that has
// files of its own, which is to outlive the cache; that of a borrowed one is a symlink to where it
// is served when it is read: only save, push and exports of builds read it. What nothing can serve,
// a compressed blob that is not carried, is such a symlink, too: to build on the image its record
// is enough.
class ImageRecords final : public store::ImageMetadata {
public:
  static Result<std::unique_ptr<store::ImageMetadata>>
  open(const Fd& data_root, std::shared_ptr<PendingChanges> changes);

  Result<void> add_layer(const store::LayerRecord& record) override;
  // The engine finds layers by their chain IDs, whatever the digests of their blobs are.
  Result<void> add_distribution(const cache::Layer&) override { return {}; }
  Result<void> add_image(const cache::Image& image, const cache::Cache& cache,
                         const std::optional<Digest>& parent) override;
  Result<void> flush() override { return changes_->flush(); }
  Result<std::size_t> add_references(const std::map<std::string, Digest>& references,
                                     const std::map<std::string, std::set<Digest>>& given) override;

  Result<void> remove_references(const std::set<Digest>& images) override;
  Result<void> remove_image(const Digest& id) override;
  Result<void> remove_layer(const Digest& chain_id) override;
  // Without its files (SnapshotDriver::remove) nothing can use it.
  Result<void> suspend_layer(const Digest&) override { return {}; }

private:
  explicit ImageRecords(std::shared_ptr<PendingChanges> changes) : changes_(std::move(changes)) {}

  Result<void> write_blob_of(const store::LayerRecord& record);
  Result<void> link_blob_of(const cache::Layer& layer);
  Result<void> link_blob(const Digest& digest);
  bool has_file(const Digest& digest) const;
  Result<void> add_compressed(const Digest& digest, const cache::Layer& layer,
                              const cache::Cache& cache);
  Result<void> copy_blob(const cache::Blob& blob, const cache::Cache& cache);

  Result<Image> add_made(const cache::Image& image, const cache::Manifest& manifest);
  Result<std::optional<Image>> add_original(const OriginalManifest& original,
                                            const cache::Image& image, const cache::Cache& cache);
  Result<Image> add_document(const Digest& id, const cache::Document& facts,
                             const std::string& text, Labels labels);

  bool may_name(const std::string& full, const Digest& id,
                const std::map<std::string, std::set<Digest>>& given,
                const std::string& familiar) const;
  bool is_tagged(const std::string& digested, const std::map<std::string, Image>& added) const;
  Result<Image> target_of(const Digest& id) const;
  Result<std::optional<Image>> target_by_digest(const std::string& text, const Digest& id) const;
  Result<Image> target_at(const Digest& digest) const;
  bool is_uncompressed(const Blob& manifest) const;

  std::shared_ptr<PendingChanges> changes_;
  Fd staging_;
  Fd blobs_;
  Fd snapshots_;
  std::set<Digest> written_;        // the blobs that this seeding wrote
  std::map<Digest, Image> targets_; // of images that were added, by ID
  struct Document {
    Digest image; // its ID
    Image target;
  };
  std::map<Digest, Document> documents_; // manifests and indexes that were added
};

} // namespace dind::containerd
