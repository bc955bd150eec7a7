#pragma once

#include <archive/byte_source.hpp>
#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace dind::store {

// Makes layers in the layout of the overlay2 graph driver (moby
// daemon/graphdriver/overlay2/overlay.go; the same from 20.10 to 29):
//
//   overlay2/l/<link>          -> ../<cache-id>/diff
//   overlay2/<cache-id>/diff      the layer's files, with overlayfs' marks
//                      /link      the short name above
//                      /lower     "l/A:l/B", the parents, topmost first; absent for a base
//                      /work      absent for a base
//                      /committed present in every image layer, or a save would mount
//                                 diff read-write, which a borrowed one cannot be
//
// A borrowed layer has `diff` as a symlink to a tree in a cache, and its marks,
// if any, in skeleton/, which comes first in its own `lower`: right below its
// files, above its parents, and so handed on to every child.
//
// A layer is made in a staging directory and appears under its name by a
// rename. Until layerdb has a record of it (ImageMetadata), dockerd ignores it.
class Overlay2 {
public:
  // Makes overlay2/ and overlay2/l/ if they are missing.
  static Result<Overlay2> open(const Fd& data_root);

  // The layers to be made say what they stand on: nothing, or a chain ID that
  // is in the data root with this cache-id.
  struct Parent {
    Digest chain_id;
    std::string cache_id;
  };

  // `tree` is the absolute path of the layer's tree in a cache.
  Result<void> add_borrowed(const Digest& chain_id, const std::optional<Parent>& parent,
                            const std::string& tree, const cache::Skeleton& skeleton);

  // Unpacks `tar`, the layer's own, to its end. The bytes are trusted only as
  // far as the caller checks them: nothing appears if `check` fails afterwards.
  Result<void> add_unpacked(const Digest& chain_id, const std::optional<Parent>& parent,
                            archive::ByteSource& tar, const std::function<Result<void>()>& check);

private:
  Overlay2() = default;

  // What a child needs to know of its parent.
  struct Lowers {
    std::string link;
    std::string lower;
  };

  Result<std::string> lower_on(const std::optional<Parent>& parent);
  Result<Fd> stage(const std::string& cache_id);
  Result<void> complete(const Fd& staged, const Digest& chain_id, const std::string& lower,
                        bool has_skeleton);
  Result<void> publish(const std::string& cache_id);
  Result<void> ensure_link(const std::string& link_id, const std::string& target);

  Fd staging_;
  Fd driver_;
  Fd links_;
  std::map<std::string, Lowers> known_; // by cache-id
};

} // namespace dind::store
