#pragma once

#include <base/fd.hpp>
#include <store/image_metadata.hpp>
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
// Every image gets the manifest that `docker load` makes (made_manifest), whose layers are not
// compressed. Its configuration and manifest are files of the store. So is the blob of a layer that
// has files of its own, which is to outlive the cache; that of a borrowed one is a symlink to where
// it is made when it is read: only save, push and exports of builds read it.
class ImageRecords final : public store::ImageMetadata {
public:
  static Result<std::unique_ptr<store::ImageMetadata>>
  open(const Fd& data_root, std::shared_ptr<PendingChanges> changes);

  Result<void> add_layer(const store::LayerRecord& record) override;
  // The engine finds layers by their chain IDs, whatever the digests of their blobs are.
  Result<void> add_distribution(const cache::Layer&) override { return {}; }
  Result<void> add_image(const cache::Image& image, const cache::Manifest& manifest,
                         const std::string& config, const std::optional<Digest>& parent) override;
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
  Result<Image> target_of(const Digest& id) const;

  std::shared_ptr<PendingChanges> changes_;
  Fd staging_;
  Fd blobs_;
  Fd snapshots_;
  std::set<Digest> written_;        // the layers whose blobs this seeding wrote, by diff ID
  std::map<Digest, Image> targets_; // of images that were added, by ID
};

} // namespace dind::containerd
