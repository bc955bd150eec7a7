#pragma once

#include <cache/manifest.hpp>
#include <seed/receipt.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace dind::seed {

// The images of an engine, as it tells them.
struct EngineImages {
  // The containerd store: an ID is the digest of a manifest, which a load makes anew, so
  // that it does not follow from the cache. Names and the receipt decide.
  bool by_manifest = false;
  std::map<Digest, std::set<std::string>> names; // by ID
};

// What there is to load of an image.
struct LoadChoice {
  bool present = false;              // nothing: the engine has it, and its names
  std::vector<std::string> tags;     // that the load gives
  std::vector<std::string> withheld; // that stay with an image of the user's
};

// Decides for one image, and touches nothing. A name that the user gave to another image
// stays there; one that an earlier load gave moves.
LoadChoice choose_load(const cache::Image& image, const EngineImages& engine,
                       const Receipt& receipt);

// Notes that a load gave `tags` to an image, which the engine calls `engine_id`. No other
// image has them any more.
void note_load(const Digest& image, const Digest& engine_id, const std::vector<std::string>& tags,
               Receipt& receipt);

} // namespace dind::seed
