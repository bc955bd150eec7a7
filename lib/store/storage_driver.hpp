#pragma once

#include <archive/byte_source.hpp>
#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>
#include <store/cloning.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dind::store {

// Makes layers in the layout of one of the engine's storage drivers, as the driver
// itself would have unpacked them. A layer is made in a staging directory and appears
// under its name by a rename; until layerdb has a record of it (ImageMetadata),
// dockerd ignores it. What cannot be made is removed again, at the latest when the driver is
// opened the next time. One layer at a time, and not while dockerd runs.
class StorageDriver {
public:
  virtual ~StorageDriver() = default;

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

} // namespace dind::store
