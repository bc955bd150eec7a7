#pragma once

#include <store/overlay_marks.hpp>
#include <store/storage_driver.hpp>
#include <sys/id_map.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace dind::store {

// Makes layers in the layout of the overlay2 graph driver (moby
// daemon/graphdriver/overlay2/overlay.go; the same from 20.10 to 29) and of
// fuse-overlayfs, which has it from there:
//
//   overlay2/l/<link>          -> ../<cache-id>/diff
//   overlay2/<cache-id>/diff      the layer's files, with the driver's marks
//                      /link      the short name above
//                      /lower     "l/A:l/B", the parents, topmost first; absent for a base
//                      /committed present in every image layer, or a save would mount
//                                 diff read-write, which a borrowed one cannot be
//
// work/ is of layers that are mounted read-write, so that one with `committed` needs none.
//
// A borrowed layer has `diff` as a symlink to a tree in a cache, and its marks,
// if any, in skeleton/, which comes first in its own `lower`: right below its
// files, above its parents, and so handed on to every child.
class OverlayDriver final : public StorageDriver {
public:
  // Makes overlay2/ and overlay2/l/ if they are missing. `staging` is on their filesystem.
  static Result<std::unique_ptr<StorageDriver>> open(const Fd& data_root, std::string name,
                                                     MarkStyle style, Fd staging,
                                                     const std::optional<sys::IdMap>& shift);

  std::string_view name() const override { return name_; }
  Result<void> add_borrowed(const Digest& chain_id, const OptionalParent& parent,
                            const std::string& tree, const cache::Skeleton& skeleton) override;
  Result<void> add_cloned(const Digest& chain_id, const OptionalParent& parent, const Fd& tree,
                          const cache::Skeleton& skeleton, const Cloning& cloning) override;
  Result<void> add_unpacked(const Digest& chain_id, const OptionalParent& parent,
                            archive::ByteSource& tar, const std::function<Result<void>()>& check,
                            const Cloning& cloning) override;
  Result<void> remove(const std::string& cache_id) override;

private:
  OverlayDriver(std::string name, MarkStyle style) : name_(std::move(name)), style_(style) {}

  // What a child needs to know of its parent.
  struct Lowers {
    std::string link;
    std::string lower;
  };
  enum class HasSkeleton { no, yes };
  // Whose files layers have, where the engine maps IDs.
  struct Owners {
    sys::IdMap ids;
    Fd id_shift;
  };
  // Puts diff, and perhaps skeleton, into the staged directory.
  using Fill = std::function<Result<HasSkeleton>(const Fd& staged)>;

  Result<void> add(const Digest& chain_id, const OptionalParent& parent, const Fill& fill);
  Result<HasSkeleton> fill_as_owner(const Fd& staged, const std::string& cache_id,
                                    const Fill& fill);
  Result<std::string> lower_on(const OptionalParent& parent);
  Result<Fd> stage(const std::string& cache_id);
  Result<void> complete(const Fd& staged, const Digest& chain_id, std::string lower,
                        HasSkeleton has_skeleton);
  Result<void> commit(const Fd& staged);
  Result<void> publish(const std::string& cache_id);
  Result<void> ensure_link(const std::string& link_id, const std::string& target);
  Result<void> remove_link(const std::string& link_id, const std::string& target);

  std::string name_;
  MarkStyle style_;
  Fd staging_;
  Fd driver_;
  Fd links_;
  std::optional<Owners> owners_;
  std::map<std::string, Lowers> known_; // by cache-id
};

} // namespace dind::store
