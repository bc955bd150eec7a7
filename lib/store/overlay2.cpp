#include <store/overlay2.hpp>

#include <archive/tar_reader.hpp>
#include <archive/unpacker.hpp>
#include <store/layout.hpp>
#include <store/overlay_marks.hpp>
#include <store/tree.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <tuple>

namespace dind::store {
namespace {

constexpr std::size_t kSmallFile = 64U << 10U;

const std::string kDiff = "diff";
const std::string kLink = "link";
const std::string kLower = "lower";
const std::string kWork = "work";
const std::string kCommitted = "committed";
const std::string kSkeleton = "skeleton";
const std::string kAnchor = "whiteout";

Result<void> unpack(archive::ByteSource& tar, const Fd& layer) {
  TRY(sys::make_dir_at({layer, kDiff}, 0755));
  const Fd diff = TRY(sys::open_dir_at({layer, kDiff}));
  OverlayMarks marks({layer, kAnchor});
  marks.set_root(diff);
  archive::Unpacker unpacker(diff, marks);
  archive::TarReader reader(tar);
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      break;
    }
    TRY(unpacker.add(*entry, reader));
  }
  TRY(unpacker.finish());
  return marks.finish();
}

} // namespace

Result<Overlay2> Overlay2::open(const Fd& data_root) {
  Overlay2 driver;
  driver.staging_ = TRY(ensure_dirs(data_root, kStagingDir, 0700));
  driver.driver_ = TRY(ensure_dirs(data_root, kOverlay2, 0710));
  driver.links_ = TRY(ensure_dirs(data_root, std::string(kOverlay2) + "/l", 0700));
  return driver;
}

Result<void> Overlay2::add_borrowed(const Digest& chain_id, const std::optional<Parent>& parent,
                                    const std::string& tree, const cache::Skeleton& skeleton) {
  const std::string cache_id = cache_id_of(chain_id);
  std::string lower = TRY(lower_on(parent));
  const Fd layer = TRY(stage(cache_id));
  TRY(sys::symlink_at(tree, {layer, kDiff}));
  const bool has_skeleton = skeleton.marks() > 0;
  if (has_skeleton) {
    TRY(sys::make_dir_at({layer, kSkeleton}, 0755));
    const Fd dir = TRY(sys::open_dir_at({layer, kSkeleton}));
    TRY(build_skeleton(dir, {layer, kAnchor}, skeleton).within(kSkeleton));
    lower = lower_of_child(skeleton_link_id_of(chain_id), lower);
  }
  return complete(layer, chain_id, lower, has_skeleton);
}

Result<void> Overlay2::add_unpacked(const Digest& chain_id, const std::optional<Parent>& parent,
                                    archive::ByteSource& tar,
                                    const std::function<Result<void>()>& check) {
  const std::string cache_id = cache_id_of(chain_id);
  const std::string lower = TRY(lower_on(parent));
  const Fd layer = TRY(stage(cache_id));
  auto unpacked = unpack(tar, layer);
  if (unpacked) {
    unpacked = check();
  }
  if (!unpacked) {
    std::ignore = sys::remove_tree_at({staging_, cache_id}); // it may hold what fills the volume
    return unpacked;
  }
  return complete(layer, chain_id, lower, false);
}

Result<std::string> Overlay2::lower_on(const std::optional<Parent>& parent) {
  if (!parent) {
    return std::string();
  }
  const auto known = known_.find(parent->cache_id);
  if (known != known_.end()) {
    return lower_of_child(known->second.link, known->second.lower);
  }
  const Fd dir = TRY(sys::open_dir_at({driver_, parent->cache_id}));
  Lowers lowers;
  lowers.link = TRY(sys::read_file_at({dir, kLink}, kSmallFile));
  auto lower = sys::read_file_at({dir, kLower}, kSmallFile);
  if (!lower && !lower.error().is(std::errc::no_such_file_or_directory)) {
    return std::move(lower).error();
  }
  lowers.lower = lower ? std::move(lower).value() : "";
  const auto& kept = known_.emplace(parent->cache_id, std::move(lowers)).first->second;
  return lower_of_child(kept.link, kept.lower);
}

Result<Fd> Overlay2::stage(const std::string& cache_id) {
  const sys::At at{staging_, cache_id};
  TRY(sys::remove_tree_at(at)); // a killed boot's
  TRY(sys::make_dir_at(at, 0710));
  return sys::open_dir_at(at);
}

Result<void> Overlay2::complete(const Fd& staged, const Digest& chain_id, const std::string& lower,
                                bool has_skeleton) {
  const std::string cache_id = cache_id_of(chain_id);
  const std::string link_id = link_id_of(chain_id);
  TRY(sys::create_file_at({staged, kLink}, link_id, 0644));
  if (!lower.empty()) {
    TRY(sys::create_file_at({staged, kLower}, lower, 0644));
    TRY(sys::make_dir_at({staged, kWork}, 0700));
  }
  TRY(sys::create_file_at({staged, kCommitted}, "", 0600));
  TRY(publish(cache_id));
  TRY(ensure_link(link_id, "../" + cache_id + "/" + kDiff));
  if (has_skeleton) {
    TRY(ensure_link(skeleton_link_id_of(chain_id), "../" + cache_id + "/" + kSkeleton));
  }
  known_[cache_id] = Lowers{link_id, lower};
  return {};
}

Result<void> Overlay2::publish(const std::string& cache_id) {
  // What has the name is unknown to dockerd, or cannot be reached: the plan says so.
  TRY(sys::remove_tree_at({driver_, cache_id}));
  return sys::rename_at({staging_, cache_id}, {driver_, cache_id});
}

Result<void> Overlay2::ensure_link(const std::string& link_id, const std::string& target) {
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

} // namespace dind::store
