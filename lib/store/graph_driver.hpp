#pragma once

#include <archive/byte_source.hpp>
#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>
#include <store/cloning.hpp>
#include <sys/id_map.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dind::store {

// Makes layers in the layout of one of the engine's graph drivers, as the driver
// itself would have unpacked them. A layer is made in a staging directory and appears
// under its name by a rename; until layerdb has a record of it (ImageMetadata),
// dockerd ignores it. What cannot be made is removed again, at the latest when the driver is
// opened the next time. One layer at a time, and not while dockerd runs.
class GraphDriver {
public:
  virtual ~GraphDriver() = default;

  // What a layer stands on: a chain ID that is in the data root with this cache-id.
  struct Parent {
    Digest chain_id;
    std::string cache_id;
  };
  using OptionalParent = std::optional<Parent>;

  virtual std::string_view name() const = 0; // "overlay2", also of its directory

  // Borrows `tree`, the absolute path of the layer's tree in a cache. EOPNOTSUPP
  // where layers hold their parents' files as well (vfs, btrfs).
  virtual Result<void> add_borrowed(const Digest& chain_id, const OptionalParent& parent,
                                    const std::string& tree, const cache::Skeleton& skeleton) = 0;

  // Clones `tree` and makes the skeleton's marks.
  virtual Result<void> add_cloned(const Digest& chain_id, const OptionalParent& parent,
                                  const Fd& tree, const cache::Skeleton& skeleton,
                                  const Cloning& cloning) = 0;

  // Unpacks `tar`, the layer's own, to its end. The bytes are trusted only as far as the
  // caller checks them: nothing appears if `check` fails afterwards.
  virtual Result<void> add_unpacked(const Digest& chain_id, const OptionalParent& parent,
                                    archive::ByteSource& tar,
                                    const std::function<Result<void>()>& check,
                                    const Cloning& cloning) = 0;

  // Removes a layer that dockerd does not know (any more). A missing one is fine.
  virtual Result<void> remove(const std::string& cache_id) = 0;
};

// Where layers and records are made, empty: what a killed boot left may be what fills the volume,
// and what cannot be removed is in the way of nothing else. It stays for good, so that on a full
// volume there is still a place to remove things to.
Result<Fd> open_staging(const Fd& data_root);

// Whose the files of layers are. With either, overlay2 is the only driver, and nothing can be
// borrowed.
struct Users {
  // They get the owners that the map has for theirs, as an engine with userns-remap gives them.
  // The data root is then that engine's own, below the one that is named to it.
  std::optional<sys::IdMap> shift = {};
  // This process and the engine are in a user namespace: overlayfs' marks are attributes named
  // user.*, and devices, which nobody there can make, are left out as the engine does. Layers can
  // only be unpacked: who has no ID there seems to be somebody else.
  bool in_namespace = false;
};

// The driver of that name below `data_root`, with its folders made. EOPNOTSUPP for
// one that layers can only be loaded into.
Result<std::unique_ptr<GraphDriver>> open_driver(const Fd& data_root, std::string_view name,
                                                 const Users& users = {});

} // namespace dind::store
