#include <containerd/snapshot_driver.hpp>

#include <archive/member_path.hpp>
#include <store/layout.hpp>
#include <store/open_driver.hpp>
#include <store/overlay_marks.hpp>
#include <store/tree.hpp>
#include <store/unpack.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <containerd/layout.hpp>

#include <algorithm>
#include <set>
#include <tuple>

namespace dind::containerd {
namespace {

using store::MarkStyle;

const std::string kFiles = store::files_name(store::kOverlayfs);
const std::string kAnchor = "whiteout"; // in the staged directory, beside `fs`

std::optional<std::string> key_of(const store::StorageDriver::OptionalParent& parent) {
  return parent ? std::optional(parent->chain_id.text()) : std::nullopt;
}

Result<Fd> make_files(const Fd& staged) {
  TRY(sys::make_dir_at({staged, kFiles}, 0755));
  return sys::open_dir_at({staged, kFiles});
}

Result<void> make_no_files(const Fd& staged) {
  return sys::make_dir_at({staged, kFiles}, 0755);
}

// The directories in which a skeleton has something.
std::set<std::string> marked_dirs(const cache::Skeleton& skeleton) {
  std::set<std::string> dirs;
  for (const std::string& path : skeleton.whiteouts) {
    dirs.emplace(archive::parent_of(path));
  }
  for (const cache::Node& node : skeleton.nodes) {
    dirs.emplace(archive::parent_of(node.path));
  }
  return dirs;
}

// containerd passes over trusted attributes, which overlayfs keeps its own in (containerd
// pkg/archive/tar_unix.go, setxattr).
Result<void> set_xattr(sys::At at, const archive::Xattr& xattr) {
  return xattr.name.starts_with("trusted.") ? Result<void>() : store::set_layer_xattr(at, xattr);
}

// `dirs` with all that they are in, which look as they do in `tree`.
Result<void> build_dirs(const Fd& files, const Fd& tree,
                        const std::vector<std::pair<std::string, DirMetadata>>& dirs) {
  std::map<std::string, DirMetadata> all; // parents before what is in them
  for (const auto& [path, metadata] : dirs) {
    all.insert_or_assign(path, metadata);
    for (std::string above(archive::parent_of(path)); !above.empty();
         above = archive::parent_of(above)) {
      if (!all.contains(above)) {
        const Fd dir = TRY(sys::open_beneath(tree, above, O_RDONLY | O_DIRECTORY));
        all.emplace(above, TRY(metadata_of(dir)));
      }
    }
  }
  for (const auto& [path, metadata] : all) {
    const std::string parent(archive::parent_of(path));
    const std::string name(archive::base_of(path));
    const Fd in =
        TRY(sys::open_beneath(files, parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY));
    TRY(sys::make_dir_at({in, name}, 0755));
  }
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) { // what is in them gave them times
    const Fd dir = TRY(sys::open_beneath(files, entry->first, O_RDONLY | O_DIRECTORY));
    TRY(set_metadata(dir, entry->second).within(entry->first));
  }
  return {};
}

// Layers that are there have the number of their directory as their cache-id, and those that are to
// be made anew the name that seeding gives. No user's layer is meant by that.
std::string id_among(const std::map<std::string, Snapshot>& snapshots,
                     const std::string& cache_id) {
  for (const auto& [key, snapshot] : snapshots) {
    const auto chain_id = Digest::parse(snapshot.is_ours() ? key : "");
    if (chain_id && store::cache_id_of(*chain_id) == cache_id) {
      return std::to_string(snapshot.id);
    }
  }
  return cache_id;
}

} // namespace

Result<std::unique_ptr<store::StorageDriver>>
SnapshotDriver::open(const Fd& data_root, std::shared_ptr<PendingChanges> changes) {
  std::unique_ptr<SnapshotDriver> driver(new SnapshotDriver(std::move(changes)));
  driver->staging_ = TRY(store::open_staging(data_root));
  driver->snapshots_ =
      TRY(store::ensure_dirs(data_root, store::layers_dir(store::kOverlayfs), 0700));
  return std::unique_ptr<store::StorageDriver>(std::move(driver));
}

std::string_view SnapshotDriver::name() const {
  return store::kOverlayfs;
}

Result<void> SnapshotDriver::add_borrowed(const Digest& chain_id, const OptionalParent& parent,
                                          const std::string& tree,
                                          const cache::Skeleton& skeleton) {
  if (is_users(chain_id)) {
    return {};
  }
  const Fd files = TRY(sys::open_dir(tree));
  const Implied implied = TRY(differing(files, skeleton.implied, marked_dirs(skeleton), parent));
  const bool is_there = changes_->state().snapshots.contains(chain_id.text());
  const bool has_tree_below = changes_->find(tree_key(chain_id)).has_value();
  const bool needs_tree_below = has_tree_below || !implied.empty();
  const bool needs_marks = skeleton.marks() > 0;
  if (is_there && ((needs_tree_below && !has_tree_below) ||
                   (needs_marks && !changes_->find(marks_key(chain_id))))) {
    return Error("borrow a layer that the store has in fewer snapshots", EOPNOTSUPP);
  }
  const auto fill_marks = [&](const Fd& staged) -> Result<void> {
    const Fd dir = TRY(make_files(staged));
    return store::build_skeleton(dir, MarkStyle::overlayfs, {staged, kAnchor}, skeleton);
  };
  const auto fill_tree = [&](const Fd& staged) { return sys::symlink_at(tree, {staged, kFiles}); };
  const auto fill_implied = [&](const Fd& staged) -> Result<void> {
    const Fd dir = TRY(make_files(staged));
    return build_dirs(dir, files, implied);
  };
  Stack stack(*this, key_of(parent));
  if (needs_marks) {
    TRY(stack.add(marks_key(chain_id), fill_marks));
  }
  TRY(stack.add(needs_tree_below ? tree_key(chain_id) : chain_id.text(), fill_tree));
  if (needs_tree_below) {
    TRY(stack.add(chain_id.text(), fill_implied));
  }
  propose(chain_id, stack.take());
  return {};
}

Result<void> SnapshotDriver::add_cloned(const Digest& chain_id, const OptionalParent& parent,
                                        const Fd& tree, const cache::Skeleton& skeleton,
                                        const store::Cloning& cloning) {
  return add_files(chain_id, parent,
                   [&](const Fd& files, sys::At anchor) -> Result<std::vector<std::string>> {
                     TRY(cloning.run(store::Cloning::Way::clone, tree, files));
                     TRY(store::add_marks(files, MarkStyle::overlayfs, anchor, skeleton));
                     return skeleton.implied;
                   });
}

Result<void> SnapshotDriver::add_unpacked(const Digest& chain_id, const OptionalParent& parent,
                                          archive::ByteSource& tar,
                                          const std::function<Result<void>()>& check,
                                          const store::Cloning&) {
  return add_files(chain_id, parent,
                   [&](const Fd& files, sys::At anchor) -> Result<std::vector<std::string>> {
                     store::OverlayMarks marks(files, MarkStyle::overlayfs, anchor);
                     std::ignore = TRY(store::unpack(tar, files, marks, set_xattr));
                     TRY(marks.finish());
                     TRY(check());
                     return marks.implied_dirs();
                   });
}

Result<void> SnapshotDriver::add_files(const Digest& chain_id, const OptionalParent& parent,
                                       const FillFiles& fill) {
  if (is_users(chain_id)) {
    return {};
  }
  // Of a layer that was borrowed once: what was below its files is in them now, and mounts need
  // the directories.
  for (const std::string& key : {marks_key(chain_id), tree_key(chain_id)}) {
    if (changes_->find(key)) {
      std::ignore = TRY(add_snapshot(key, std::nullopt, make_no_files));
    }
  }
  const auto fill_files = [&](const Fd& staged) -> Result<void> {
    const Fd files = TRY(make_files(staged));
    const auto implied = TRY(fill(files, {staged, kAnchor}));
    const Implied wrong = TRY(differing(files, implied, {}, parent));
    for (const auto& [path, metadata] : wrong) {
      const Fd dir = TRY(sys::open_beneath(files, path, O_RDONLY | O_DIRECTORY));
      TRY(set_metadata(dir, metadata).within(path));
    }
    return {};
  };
  Stack stack(*this, key_of(parent));
  TRY(stack.add(chain_id.text(), fill_files));
  propose(chain_id, stack.take());
  return {};
}

// A layer that the user pulled, loaded or built, of which no image is left that seeding knows: what
// stands on it goes on with the files that it has.
bool SnapshotDriver::is_users(const Digest& chain_id) const {
  const auto& snapshots = changes_->state().snapshots;
  const auto there = snapshots.find(chain_id.text());
  if (there == snapshots.end() || there->second.is_ours()) {
    return false;
  }
  const std::string path = std::to_string(there->second.id) + "/" + kFiles;
  return static_cast<bool>(sys::open_beneath(snapshots_, path, O_RDONLY | O_DIRECTORY));
}

void SnapshotDriver::propose(const Digest& chain_id, std::vector<NewSnapshot> snapshots) {
  made_.insert_or_assign(store::cache_id_of(chain_id), std::to_string(snapshots.back().id));
  changes_->propose(chain_id, std::move(snapshots));
}

Result<void> SnapshotDriver::Stack::add(const std::string& key, const Fill& fill) {
  made_.push_back(TRY(driver_.add_snapshot(key, parent_, fill)));
  parent_ = key;
  return {};
}

Result<NewSnapshot> SnapshotDriver::add_snapshot(const std::string& key,
                                                 std::optional<std::string> parent,
                                                 const Fill& fill) {
  const std::uint64_t id = changes_->claim_id(key);
  const std::string name = std::to_string(id);
  const auto make = [&]() -> Result<void> {
    TRY(store::make_fresh_dir({staging_, name}, 0700));
    const Fd staged = TRY(sys::open_dir_at({staging_, name}));
    TRY(fill(staged));
    // What has the name is a killed seeding's, or cannot be used.
    return store::move_into_place({staging_, name}, {snapshots_, name});
  };
  if (auto made = make(); !made) {
    std::ignore = sys::remove_tree_at({staging_, name}); // on ENOSPC it has what filled the volume
    return std::move(made).error();
  }
  return NewSnapshot{.key = key, .parent = std::move(parent), .id = id};
}

// Those of `implied`, directories of `tree`, that do not look there as containerd would have them
// on `parent`. `marked`: those in which there will be marks.
Result<SnapshotDriver::Implied> SnapshotDriver::differing(const Fd& tree,
                                                          const std::vector<std::string>& implied,
                                                          const std::set<std::string>& marked,
                                                          const OptionalParent& parent) const {
  Implied differing;
  if (implied.empty()) {
    return differing;
  }
  const std::vector<Fd> lowers = TRY(lowers_of(parent));
  for (const std::string& path : implied) {
    DirMetadata wanted = TRY(implied_metadata(lowers, path).within(path));
    const Fd dir = TRY(sys::open_beneath(tree, path, O_RDONLY | O_DIRECTORY));
    DirMetadata found = TRY(metadata_of(dir));
    // What is unpacked into a directory gives it a new time.
    const auto content = TRY(sys::list_dir(dir));
    if (!content.empty() || marked.contains(path) || !wanted.modified) {
      wanted.modified = found.modified = std::nullopt;
    }
    if (wanted != found) {
      differing.emplace_back(path, std::move(wanted));
    }
  }
  return differing;
}

// The files of a layer and of all below it, the topmost first.
Result<std::vector<Fd>> SnapshotDriver::lowers_of(const OptionalParent& parent) const {
  std::vector<Fd> lowers;
  for (auto key = key_of(parent); key;) {
    const auto place = changes_->find(*key);
    if (!place) {
      return Error("its parent is missing");
    }
    if (lowers.size() == kMostSnapshotsOfAChain) {
      return input_error("what is below it is more than can be mounted, or leads to itself");
    }
    const Fd dir =
        TRY(sys::open_beneath(snapshots_, std::to_string(place->id), O_RDONLY | O_DIRECTORY));
    const auto target = sys::read_link_at({dir, kFiles});
    Fd files = TRY(target ? sys::open_dir(*target) : sys::open_dir_at({dir, kFiles}));
    lowers.push_back(std::move(files));
    key = place->parent;
  }
  return lowers;
}

Result<void> SnapshotDriver::remove(const std::string& cache_id) {
  const auto& snapshots = changes_->state().snapshots;
  const auto made = made_.find(cache_id);
  const std::string id = made == made_.end() ? id_among(snapshots, cache_id) : made->second;
  const auto layer = std::find_if(snapshots.begin(), snapshots.end(), [&](const auto& snapshot) {
    return std::to_string(snapshot.second.id) == id;
  });
  std::vector<std::string> ids = {id};
  const auto chain_id = Digest::parse(layer == snapshots.end() ? "" : layer->first);
  if (chain_id) {
    for (const std::string& key : {tree_key(*chain_id), marks_key(*chain_id)}) {
      if (const auto place = changes_->find(key)) {
        ids.push_back(std::to_string(place->id));
      }
    }
  }
  for (const std::string& name : ids) {
    const auto dir = sys::open_beneath(snapshots_, name, O_RDONLY | O_DIRECTORY);
    if (!dir && dir.error().is(std::errc::no_such_file_or_directory)) {
      continue;
    }
    if (!dir) {
      return dir.error();
    }
    TRY(sys::remove_tree_at({*dir, kFiles}));
  }
  return {};
}

} // namespace dind::containerd
