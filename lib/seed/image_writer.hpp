#pragma once

#include <base/digest.hpp>
#include <base/result.hpp>
#include <cache/reader.hpp>
#include <seed/execution.hpp>
#include <seed/seed_report.hpp>
#include <store/image_metadata.hpp>

#include <map>
#include <set>
#include <string>

namespace dind::seed {

// Carries out what a plan says of images, when their layers are there; and writes into the report
// what came of it, and into its receipt what is given.
class ImageWriter {
public:
  ImageWriter(const Execution& what, store::ImageMetadata& metadata, SeedReport& report)
      : what_(what), metadata_(metadata), report_(report) {}

  // Those of ours that are there, of which another boot of the kernel may have lost the content.
  // What fails here is missing when it is added.
  void write_again();

  // `failed`: the layers that could not be made, and why, by chain ID.
  void add(const ImageStep& step, const std::map<Digest, std::string>& failed);

  // Whether the receipt of earlier boots says all that one has to say of them.
  bool are_known() const;

  // Gives all that was added its names. Those that earlier boots gave may move.
  Result<void> name();

private:
  bool is_ours(const cache::Image& image) const;
  bool is_known(const ImageStep& step) const;
  Result<void> make(const ImageStep& step, const cache::Image& image,
                    const std::map<Digest, std::string>& failed);
  Result<void> write(const ImageStep& step, const cache::Image& image);
  const cache::Image& image_of(const ImageStep& step) const;

  const Execution& what_;
  store::ImageMetadata& metadata_;
  SeedReport& report_;
  std::map<Digest, std::string> not_rewritten_; // and why, by image ID
  std::set<Digest> added_;
  std::map<std::string, Digest> references_;
};

} // namespace dind::seed
