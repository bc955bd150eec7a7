#pragma once

#include <base/digest.hpp>
#include <base/reason.hpp>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dind::seed {

// How a layer gets into the data root.
enum class Method {
  present,  // it is there
  link,     // borrowed: the engine's layer is a symlink to the cache's tree
  native,   // too small to be worth a link: written as the engine would
  reflink,  // its files share their blocks with the cache's
  hardlink, // its files are the cache's
  copy,
  load, // by the engine itself, from the layer's tar made again
};
std::string_view name_of(Method method);

// Where a layer's content and metadata come from.
enum class Origin {
  tree, // of the cache, as it is
  tar,  // made again from tree and tar-split, with metadata restored and hash checked
};

struct LayerStep {
  Digest chain_id;
  Digest diff_id;
  std::optional<Digest> parent; // chain ID
  std::size_t cache = 0;        // index of the cache it comes from
  Method method = Method::copy;
  Origin origin = Origin::tree;
  std::string why;
  std::vector<Method> otherwise = {}; // what to try next, in order, if the method fails
  // A user's image or a container stands on it: its record stays while it is made anew, and by
  // that the next boot knows it if this one is broken off.
  bool needed = false;
};

struct ImageStep {
  enum class Fate {
    seed,
    present,  // the engine has it; only names may be new
    unwanted, // the user removed it, and DIND_RESEED=no
  };

  std::size_t cache = 0;
  std::size_t image = 0; // index in its cache's manifest
  Fate fate = Fate::seed;
  std::set<std::string> unwanted_names = {}; // removed likewise, of an image that is wanted
  // Why the cache cannot give it. A present image may lack it too: one of its layers was lost.
  std::optional<Reason> missing = {};
};

// What cannot stay as it is. The words for such layers, here and in seed/leftovers:
//   flawed    a check found something wrong: its files, its cache, or that its cache is refused
//   stale     made by seeding, or borrowed, and not usable: flawed, or its cache or files are gone
//   lost      stale, and mounting a cache does not bring it back: flawed, or its own files are gone
//   needed    a user's image or a container stands on it: its record stays
//   made      this plan makes it anew, stale or not
//   gone      stale, not made and not needed: it is removed
//   orphaned  it stands on one that is gone, so it is removed, too, unless it is made or needed
struct Removals {
  std::vector<Digest> images;
  std::vector<Digest> layers; // chain IDs, children before their parents
  // Chain IDs of layers that would show something wrong: their files go before anything else.
  // Where a user needs such a layer its record stays, so that what stands on it fails aloud, and
  // works again when it is made anew.
  std::vector<Digest> files;

  bool empty() const { return images.empty() && layers.empty() && files.empty(); }
};

// What will be done, each with its reason. Parents come before children.
struct SeedPlan {
  enum class Kind {
    nothing,    // is to be seeded
    impossible, // what was asked for cannot be done
    load,       // every image goes through the engine's load API
    layers,     // are made in the data root
  };

  Kind kind = Kind::nothing;
  std::string why; // of `nothing` and `impossible`
  std::vector<LayerStep> layers;
  std::vector<ImageStep> images;
  Removals removals;
  std::vector<std::string> warnings;
};

} // namespace dind::seed
