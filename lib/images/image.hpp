#pragma once

#include <base/digest.hpp>
#include <base/result.hpp>
#include <cache/manifest.hpp>
#include <images/bundle.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dind::images {

// Things worth saying that stop nothing, in the order found.
using Warnings = std::vector<std::string>;

// One place that a layer's tar can be read from, perhaps compressed.
struct LayerOrigin {
  std::shared_ptr<const Bundle> bundle;
  std::string file;
  // What the stored bytes must hash to, where the source says so.
  std::optional<Digest> stored_digest;
  // Under which a registry has them; its repositories are filled in later.
  std::optional<cache::Blob> blob;
};

// A manifest or an index as it came.
struct SourceDocument {
  cache::Document facts;
  std::string text;
};

// An image as a source describes it. Documents have been verified, layers have not.
struct SourceImage {
  cache::Image image;
  std::string config; // byte for byte
  bool says_platform = true;
  std::string listed_platform = {};           // as the index that led to it says; "" if none does
  std::vector<LayerOrigin> layers;            // of image.layers, one each
  std::vector<SourceDocument> documents = {}; // image.manifest, and the indexes that lead to it
};

// What a source turned out to hold.
struct SourceContent {
  std::vector<SourceImage> images;
  std::vector<Error> refused; // images that cannot be had, each with its name
  Warnings warnings;
};

// Where an OCI layout keeps a blob (OCI image spec, image-layout.md).
std::string blob_file(const Digest& digest);

// A document whose digest is known.
Result<std::string> read_verified(const Bundle& bundle, const std::string& file,
                                  const Digest& digest);

// Sets id, platform, layers and config of an image from its configuration; `own` is the platform
// of one that leaves it open.
Result<SourceImage> make_source_image(std::string config, const std::string& own);

// What is worth saying of an image's platform where `wanted` was asked for. An index may know more
// of it than the configuration, which need not name the variant.
std::optional<std::string> platform_remark(std::string_view label, const SourceImage& source,
                                           const std::string& wanted);

} // namespace dind::images
