#pragma once

#include <bake/bake.hpp>
#include <bake/progress.hpp>
#include <images/collection.hpp>
#include <outer/finished_image.hpp>
#include <outer/outer_layer.hpp>
#include <outer/previous_image.hpp>
#include <outer/programs.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::outer {

// What an outer image is made by, besides its base and the images in it.
struct OuterImageOptions {
  CachePlace place = "/var/lib/dind-cache";
  std::string platform = images::host_platform();
  archive::Compression compression = archive::Compression::zstd; // none: plain tars
  std::optional<std::string> created;                            // RFC 3339
  boost::filesystem::path programs;                              // the directory of ours
  bake::Carried carried;
  std::vector<std::string> names; // familiar, "ci-dind:1"
  std::string reference;          // of the target
  // An OCI layout of an earlier run; empty if there is none.
  boost::filesystem::path previous;
};

// Without an image in it, nothing is made.
struct OuterImageReport {
  FinishedImage image;
  std::size_t images = 0;
  std::size_t layers_of_base = 0;
  std::size_t base_layers_taken_over = 0;
  std::size_t layers_made = 0;
  std::size_t layers_taken_over = 0;
  std::size_t layers_shared = 0; // small ones, in one outer layer
  std::size_t blobs_carried = 0;
  Lacking added;           // of our programs
  std::uint64_t bytes = 0; // of all layers' blobs
  // Why nothing could be taken from the earlier run where that is no flaw; else empty.
  std::string nothing_to_reuse;
  images::Warnings warnings;  // those of the collection, too
  std::vector<Error> refused; // images that cannot be had, each with its name
};

// Makes the finished image: the layers of `base`, which holds one image, our programs if
// it lacks them, one outer layer for each layer of `collection`, and one with the index.
// Blobs go to the directory `draft`. The same input gives the same manifest. No privileges.
// A base that cannot be had is an error, whatever `on_refusal` says.
Result<OuterImageReport> make_outer_image(const images::Collection& base,
                                          const images::Collection& collection,
                                          const OuterImageOptions& options, const Fd& draft,
                                          bake::Progress& progress, const StopFlag& stop,
                                          bake::OnRefusal on_refusal = bake::OnRefusal::go_on);

} // namespace dind::outer
