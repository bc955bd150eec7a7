#pragma once

#include <store/image_metadata.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>

namespace dind::store {

// Tags and digests of repositories.json: "alpine:3.20" -> image ID. Empty if
// there is no such file.
Result<std::map<std::string, Digest>> read_references(const Fd& data_root,
                                                      const std::string& driver);

// What dockerd knows of the images of a graph driver: imagedb, layerdb, repositories.json
// (layout.hpp). A record appears by a rename, under its final name.
class GraphMetadata final : public ImageMetadata {
public:
  // Makes the folders that are missing, with dockerd's modes.
  static Result<GraphMetadata> open(const Fd& data_root, const std::string& driver);

  Result<void> add_layer(const LayerRecord& record) override;
  Result<void> add_distribution(const cache::Layer& layer) override;
  Result<void> add_image(const cache::Image& image, const cache::Cache& cache,
                         const std::optional<Digest>& parent) override;
  Result<void> flush() override { return {}; } // each call's work is seen at once
  // Merges into repositories.json.
  Result<std::size_t> add_references(const std::map<std::string, Digest>& references,
                                     const std::map<std::string, std::set<Digest>>& given) override;

  Result<void> remove_references(const std::set<Digest>& images) override;
  Result<void> remove_image(const Digest& id) override;
  Result<void> remove_layer(const Digest& chain_id) override;
  // Takes the tar-split out of the record.
  Result<void> suspend_layer(const Digest& chain_id) override;

private:
  GraphMetadata() = default;

  Fd root_;
  Fd staging_;
  Fd layerdb_;
  Fd configs_;
  Fd metadata_;
  Fd diff_id_by_digest_;
  Fd metadata_by_diff_id_;
  Fd image_;
};

} // namespace dind::store
