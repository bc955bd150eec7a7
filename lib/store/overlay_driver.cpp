#include <store/overlay_driver.hpp>

#include <store/layout.hpp>
#include <store/tree.hpp>
#include <store/unpack.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/xattr.hpp>

#include <sys/stat.h>

#include <tuple>

namespace dind::store {
namespace {

const std::string kDiff = "diff";
const std::string kLink = "link";
const std::string kLower = "lower";
const std::string kCommitted = "committed";
const std::string kSkeleton = "skeleton";
const std::string kAnchor = "whiteout";
const std::string kLinks = "l";

// Capabilities that were set through a mapped mount hold for its root and below (version 3);
// dockerd sets them as the layer has them, so that they hold for containers of the host's own
// users, too. `path` is that of `dir` below `mapped`.
Result<void> restore_capabilities(const Fd& mapped, const Fd& dir, const std::string& path) {
  const std::string attribute(sys::kCapabilityXattr);
  const auto entries = TRY(sys::list_dir(dir));
  for (const sys::DirEntry& entry : entries) {
    const sys::At at{dir, entry.name};
    const std::string below = path + "/" + entry.name;
    const mode_t type = TRY(sys::stat_at(at)).st_mode & S_IFMT;
    if (type == S_IFDIR) {
      const Fd inside = TRY(sys::open_dir_at(at));
      TRY(restore_capabilities(mapped, inside, below));
    } else if (type == S_IFREG && TRY(sys::get_xattr_at(at, attribute))) {
      const auto capability = TRY(sys::get_xattr_at({mapped, below}, attribute));
      TRY(sys::set_xattr_at(at, attribute, capability.value_or("")).within(below));
    }
  }
  return {};
}

Result<Fd> make_diff(const Fd& staged) {
  TRY(sys::make_dir_at({staged, kDiff}, 0755));
  return sys::open_dir_at({staged, kDiff});
}

} // namespace

Result<std::unique_ptr<StorageDriver>> OverlayDriver::open(const Fd& data_root, std::string name,
                                                           MarkStyle style, Fd staging,
                                                           const std::optional<sys::IdMap>& shift) {
  std::unique_ptr<OverlayDriver> driver(new OverlayDriver(std::move(name), style));
  driver->staging_ = std::move(staging);
  driver->driver_ = TRY(ensure_dirs(data_root, driver->name_, 0710));
  driver->links_ = TRY(ensure_dirs(data_root, driver->name_ + "/" + kLinks, 0700));
  if (shift) {
    driver->owners_ = Owners{*shift, TRY(sys::make_id_shift(*shift))};
  }
  return std::unique_ptr<StorageDriver>(std::move(driver));
}

Result<void> OverlayDriver::add_borrowed(const Digest& chain_id, const OptionalParent& parent,
                                         const std::string& tree, const cache::Skeleton& skeleton) {
  if (owners_ || style_ == MarkStyle::overlayfs_of_users) {
    return Error("borrow a layer whose files have other owners", EOPNOTSUPP);
  }
  return add(chain_id, parent, [&](const Fd& staged) -> Result<HasSkeleton> {
    TRY(sys::symlink_at(tree, {staged, kDiff}));
    if (skeleton.marks() == 0) {
      return HasSkeleton::no;
    }
    TRY(sys::make_dir_at({staged, kSkeleton}, 0755));
    const Fd dir = TRY(sys::open_dir_at({staged, kSkeleton}));
    TRY(build_skeleton(dir, style_, {staged, kAnchor}, skeleton).within(kSkeleton));
    return HasSkeleton::yes;
  });
}

Result<void> OverlayDriver::add_cloned(const Digest& chain_id, const OptionalParent& parent,
                                       const Fd& tree, const cache::Skeleton& skeleton,
                                       const Cloning& cloning) {
  if (style_ == MarkStyle::overlayfs_of_users) {
    return Error("clone a layer whose files seem to have other owners", EOPNOTSUPP);
  }
  return add(chain_id, parent, [&](const Fd& staged) -> Result<HasSkeleton> {
    const Fd diff = TRY(make_diff(staged));
    TRY(cloning.run(Cloning::Way::clone, tree,
                    diff)); // implied directories are 0755 root, as the tree has them
    TRY(add_marks(diff, style_, {staged, kAnchor}, skeleton));
    return HasSkeleton::no;
  });
}

Result<void> OverlayDriver::add_unpacked(const Digest& chain_id, const OptionalParent& parent,
                                         archive::ByteSource& tar,
                                         const std::function<Result<void>()>& check,
                                         const Cloning&) {
  return add(chain_id, parent, [&](const Fd& staged) -> Result<HasSkeleton> {
    const Fd diff = TRY(make_diff(staged));
    OverlayMarks marks(diff, style_, {staged, kAnchor});
    std::ignore = TRY(unpack(tar, diff, marks)); // the root's entry counts for nothing
    TRY(marks.finish());
    TRY(check());
    return HasSkeleton::no;
  });
}

Result<void> OverlayDriver::add(const Digest& chain_id, const OptionalParent& parent,
                                const Fill& fill) {
  const std::string cache_id = cache_id_of(chain_id);
  const std::string lower = TRY(lower_on(parent));
  const Fd staged = TRY(stage(cache_id));
  const auto made = [&]() -> Result<void> {
    const HasSkeleton has_skeleton =
        TRY(owners_ ? fill_as_owner(staged, cache_id, fill) : fill(staged));
    return complete(staged, chain_id, lower, has_skeleton);
  }();
  if (!made) {
    std::ignore =
        sys::remove_tree_at({staging_, cache_id}); // on ENOSPC it has what filled the volume
  }
  return made;
}

// The directory of a layer is root's, who alone may write what leads to other layers, and the
// containers' root may pass through it; all in `diff` is the latter's, as he sees it.
Result<OverlayDriver::HasSkeleton>
OverlayDriver::fill_as_owner(const Fd& staged, const std::string& cache_id, const Fill& fill) {
  const sys::At at{staging_, cache_id};
  const auto& [ids, id_shift] = *owners_;
  TRY(sys::set_owner_at(at, ids.root_user(), ids.root_group()));
  const Fd mapped = TRY(sys::open_mapped(staged, id_shift));
  const HasSkeleton has_skeleton = TRY(fill(mapped));
  const Fd diff = TRY(sys::open_dir_at({staged, kDiff}));
  TRY(restore_capabilities(mapped, diff, kDiff));
  TRY(sys::set_owner_at(at, 0, ids.root_group()));
  return has_skeleton;
}

Result<std::string> OverlayDriver::lower_on(const OptionalParent& parent) {
  if (!parent) {
    return std::string();
  }
  const auto known = known_.find(parent->cache_id);
  if (known != known_.end()) {
    return lower_of_child(known->second.link, known->second.lower);
  }
  const Fd dir = TRY(sys::open_dir_at({driver_, parent->cache_id}));
  Lowers lowers;
  lowers.link = TRY(sys::read_file_at({dir, kLink}, kSmallFileLimit));
  auto lower = sys::read_file_at({dir, kLower}, kSmallFileLimit);
  if (!lower && !lower.error().is(std::errc::no_such_file_or_directory)) {
    return std::move(lower).error();
  }
  lowers.lower = lower ? std::move(lower).value() : "";
  const auto& kept = known_.emplace(parent->cache_id, std::move(lowers)).first->second;
  return lower_of_child(kept.link, kept.lower);
}

Result<Fd> OverlayDriver::stage(const std::string& cache_id) {
  const sys::At at{staging_, cache_id};
  TRY(make_fresh_dir(at, 0710));
  return sys::open_dir_at(at);
}

Result<void> OverlayDriver::complete(const Fd& staged, const Digest& chain_id, std::string lower,
                                     HasSkeleton has_skeleton) {
  const std::string cache_id = cache_id_of(chain_id);
  const std::string link_id = link_id_of(chain_id);
  const std::string skeleton_link_id = skeleton_link_id_of(chain_id);
  if (has_skeleton == HasSkeleton::yes) {
    lower = lower_of_child(skeleton_link_id, lower);
  }
  // Children that were made while this layer was borrowed list its skeleton for ever: an
  // empty one does no harm, and a dangling link fails their mounts.
  const std::string skeleton_target = "../" + cache_id + "/" + kSkeleton;
  const auto old_link = sys::read_link_at({links_, skeleton_link_id});
  if (has_skeleton == HasSkeleton::no && old_link && *old_link == skeleton_target) {
    TRY(sys::make_dir_at({staged, kSkeleton}, 0755));
  }
  TRY(sys::create_file_at({staged, kLink}, link_id, 0644));
  if (!lower.empty()) {
    TRY(sys::create_file_at({staged, kLower}, lower, 0644));
  }
  TRY(commit(staged));
  TRY(publish(cache_id));
  TRY(ensure_link(link_id, "../" + cache_id + "/" + kDiff));
  if (has_skeleton == HasSkeleton::yes) {
    TRY(ensure_link(skeleton_link_id, skeleton_target));
  }
  known_[cache_id] = Lowers{link_id, lower};
  return {};
}

// dockerd asks whether the file is there, and never writes into it: one inode does for all layers.
Result<void> OverlayDriver::commit(const Fd& staged) {
  if (sys::link_at({staging_, kCommitted}, {staged, kCommitted})) {
    return {};
  }
  // The first layer, or one more than the filesystem allows links to an inode.
  TRY(sys::create_file_at({staged, kCommitted}, "", 0600));
  TRY(sys::remove_tree_at({staging_, kCommitted}));
  std::ignore = sys::link_at({staged, kCommitted}, {staging_, kCommitted});
  return {};
}

Result<void> OverlayDriver::publish(const std::string& cache_id) {
  // What has the name is unknown to dockerd, or cannot be reached: the plan says so.
  return move_into_place({staging_, cache_id}, {driver_, cache_id});
}

Result<void> OverlayDriver::ensure_link(const std::string& link_id, const std::string& target) {
  const sys::At at{links_, link_id};
  auto made = sys::symlink_at(target, at);
  if (made || !made.error().is(std::errc::file_exists)) {
    return made;
  }
  // dockerd leaves the links of skeletons behind when it removes a layer.
  const auto there = sys::read_link_at(at);
  if (there && *there == target) {
    return {};
  }
  TRY(sys::remove_tree_at(at));
  return sys::symlink_at(target, at);
}

Result<void> OverlayDriver::remove(const std::string& cache_id) {
  if (!is_name(cache_id) || cache_id == kLinks) {
    return input_error("\"{}\" is no layer's directory", cache_id);
  }
  const auto layer = sys::open_dir_at({driver_, cache_id});
  if (!layer && layer.error().is(std::errc::no_such_file_or_directory)) {
    return {};
  }
  if (!layer) {
    return layer.error();
  }
  // The link first: its name is known from the directory alone. That of its skeleton
  // stays, for children may list it for ever: see complete().
  const auto link = sys::read_file_at({*layer, kLink}, kSmallFileLimit);
  if (link) {
    TRY(remove_link(*link, "../" + cache_id + "/" + kDiff));
  }
  known_.erase(cache_id);
  return sys::remove_tree_at({driver_, cache_id});
}

Result<void> OverlayDriver::remove_link(const std::string& link_id, const std::string& target) {
  const auto there =
      is_name(link_id) ? sys::read_link_at({links_, link_id}) : Result<std::string>(std::string());
  return there && *there == target ? sys::unlink_at({links_, link_id}) : Result<void>();
}

} // namespace dind::store
