#include <store/tree_driver.hpp>

#include <cache/skeleton_recorder.hpp>
#include <store/apply_layer.hpp>
#include <store/layout.hpp>
#include <store/tree.hpp>
#include <store/unpack.hpp>
#include <sys/btrfs.hpp>
#include <sys/dir.hpp>

#include <tuple>

namespace dind::store {

Result<std::unique_ptr<StorageDriver>> TreeDriver::open(const Fd& data_root, std::string name,
                                                        TreeKind kind) {
  std::unique_ptr<TreeDriver> driver(new TreeDriver(std::move(name), kind));
  const Fd own = TRY(ensure_dirs(data_root, driver->name_, 0710));
  driver->layers_ = TRY(ensure_dirs(data_root, layers_dir(driver->name_), 0710));
  // Beside the layers: the driver's directory may be a filesystem of its own, and dockerd
  // makes btrfs/ a mount, from which nothing can be renamed to another.
  driver->staging_ = TRY(ensure_dirs(own, kOwnDir, 0700));
  const auto leftovers = TRY(sys::list_dir(driver->staging_));
  for (const sys::DirEntry& leftover : leftovers) {
    // A killed boot's; what cannot be removed is in the way of nothing else.
    std::ignore = driver->discard({driver->staging_, leftover.name});
  }
  return std::unique_ptr<StorageDriver>(std::move(driver));
}

Result<void> TreeDriver::add_borrowed(const Digest&, const OptionalParent&, const std::string&,
                                      const cache::Skeleton&) {
  return Error("borrow a layer for the storage driver " + name_, EOPNOTSUPP);
}

Result<void> TreeDriver::add_cloned(const Digest& chain_id, const OptionalParent& parent,
                                    const Fd& tree, const cache::Skeleton& skeleton,
                                    const Cloning& cloning) {
  return add(chain_id, parent, cloning, [&](const Fd& staged) {
    return apply_layer(staged, tree, skeleton, cloning, Cloning::Way::clone);
  });
}

Result<void> TreeDriver::add_unpacked(const Digest& chain_id, const OptionalParent& parent,
                                      archive::ByteSource& tar,
                                      const std::function<Result<void>()>& check,
                                      const Cloning& cloning) {
  return add(chain_id, parent, cloning, [&](const Fd& staged) -> Result<void> {
    // Deletions come before all that the layer adds, so that it is unpacked aside.
    const std::string scratch = cache_id_of(chain_id) + ".unpacked";
    TRY(make_fresh_dir({staging_, scratch}, 0755));
    const Fd unpacked = TRY(sys::open_dir_at({staging_, scratch}));
    auto applied = apply_tar(staged, unpacked, tar, check, cloning);
    std::ignore = sys::remove_tree_at({staging_, scratch});
    return applied;
  });
}

Result<void> TreeDriver::apply_tar(const Fd& tree, const Fd& scratch, archive::ByteSource& tar,
                                   const std::function<Result<void>()>& check,
                                   const Cloning& cloning) {
  cache::SkeletonRecorder recorder;
  const auto root_entry = TRY(unpack(tar, scratch, recorder));
  TRY(check());
  // Hard links end at a subvolume's border.
  const auto way = kind_ == TreeKind::subvolume ? Cloning::Way::clone : Cloning::Way::share;
  TRY(apply_layer(tree, scratch, recorder.take(), cloning, way));
  return root_entry ? set_root_metadata(tree, *root_entry) : Result<void>();
}

Result<void> TreeDriver::add(const Digest& chain_id, const OptionalParent& parent,
                             const Cloning& cloning, const Fill& fill) {
  const std::string cache_id = cache_id_of(chain_id);
  const auto made = [&]() -> Result<void> {
    const Fd tree = TRY(stage(cache_id, parent, cloning));
    TRY(fill(tree));
    // What has the name is unknown to dockerd: the plan says so.
    TRY(discard({layers_, cache_id}));
    return sys::rename_at({staging_, cache_id}, {layers_, cache_id});
  }();
  if (!made) {
    std::ignore = discard({staging_, cache_id}); // on ENOSPC it has what filled the volume
  }
  return made;
}

Result<Fd> TreeDriver::stage(const std::string& cache_id, const OptionalParent& parent,
                             const Cloning& cloning) {
  const sys::At at{staging_, cache_id};
  TRY(discard(at));
  Fd below = parent ? TRY(sys::open_dir_at({layers_, parent->cache_id})) : Fd();
  if (kind_ == TreeKind::subvolume && parent) {
    TRY(sys::snapshot_subvolume(below, at));
    return sys::open_dir_at(at);
  }
  if (kind_ == TreeKind::subvolume) {
    TRY(sys::create_subvolume(at));
    TRY(sys::set_mode_at(at, 0755));
    return sys::open_dir_at(at);
  }
  TRY(sys::make_dir_at(at, 0755));
  Fd tree = TRY(sys::open_dir_at(at));
  if (parent) {
    TRY(cloning.run(Cloning::Way::share, below, tree));
  }
  return tree;
}

Result<void> TreeDriver::remove(const std::string& cache_id) {
  if (!is_name(cache_id)) {
    return input_error("\"{}\" is no layer's directory", cache_id);
  }
  return discard({layers_, cache_id});
}

Result<void> TreeDriver::discard(sys::At tree) const {
  // One call for a whole subvolume. What is none, or holds others, is emptied first; the
  // kernel lets rmdir(2) take an empty one (Linux 4.18).
  if (kind_ == TreeKind::subvolume && sys::delete_subvolume(tree)) {
    return {};
  }
  return sys::remove_tree_at(tree);
}

} // namespace dind::store
