#include <bake/layer_writer.hpp>

#include <archive/disk_tree.hpp>
#include <bake/layer_reader.hpp>
#include <base/utf8.hpp>
#include <cache/canary.hpp>
#include <sys/file.hpp>
#include <sys/xattr.hpp>

namespace dind::bake {
namespace {

const std::string kTree = "tree";
const std::string kTarSplit = "tar-split.json.gz";
const std::string kSkeleton = cache::kSkeletonName;

// Sets capabilities, which travel, and notes all other attributes.
Result<void> set_xattr(sys::At at, const std::string& path, const archive::Xattr& xattr,
                       cache::SkeletonRecorder& recorder) {
  if (xattr.name != sys::kCapabilityXattr) {
    recorder.lose_untransportable(path, xattr.name);
    return {};
  }
  if (xattr.value.empty()) {
    recorder.lose_empty_capability(path);
    return {};
  }
  auto set = sys::set_xattr_at(at, xattr.name, xattr.value);
  if (set) {
    recorder.capability(path);
    return {};
  }
  // EPERM: no CAP_SETFCAP; EOPNOTSUPP: the filesystem keeps none.
  if (set.error().code() == EPERM || set.error().code() == EOPNOTSUPP) {
    recorder.lose(
        path, xattr.name,
        fmt::format("the capability of {} could not be set where it was baked", printable(path)));
    return {};
  }
  return set;
}

// Modes and times that do not depend on when and by whom the layer is written.
Result<void> settle(const Fd& dir, const std::string& name) {
  TRY(sys::set_mode_at({dir, name}, 0644));
  return sys::set_times_at({dir, name}, cache::kFileTime, cache::kFileTime);
}

} // namespace

Result<WrittenLayer> write_layer(archive::ByteSource& stored, const LayerDigests& expected,
                                 const Fd& dir) {
  TRY(sys::make_dir_at({dir, kTree}, 0755));
  const Fd root = TRY(sys::open_dir_at({dir, kTree}));
  const Fd split = TRY(sys::open_at({dir, kTarSplit}, O_WRONLY | O_CREAT | O_EXCL, 0644));
  cache::SkeletonRecorder recorder;
  archive::DiskTree tree(root,
                         [&](sys::At at, const std::string& path, const archive::Xattr& xattr) {
                           return set_xattr(at, path, xattr, recorder);
                         });
  const auto sentinel = [&](const std::string& path, std::uint32_t) {
    return cache::make_sentinel(root, path);
  };
  auto layer = TRY(read_layer(stored, expected, {split, tree, recorder, sentinel}));
  if (!layer.skeleton.empty()) {
    TRY(sys::create_file_at({dir, kSkeleton}, cache::print_skeleton(layer.skeleton), 0644));
    TRY(settle(dir, kSkeleton));
  }
  TRY(settle(dir, kTarSplit));
  const std::string here = ".";
  TRY(sys::set_times_at({dir, here}, cache::kFileTime, cache::kFileTime));
  return std::move(layer.written);
}

Result<void> check_layer(archive::ByteSource& stored, const LayerDigests& expected) {
  const auto source = TRY(LayerSource::open(stored, expected));
  return archive::drain(*source);
}

} // namespace dind::bake
