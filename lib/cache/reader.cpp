#include <cache/reader.hpp>

#include <archive/sha256.hpp>
#include <sys/file.hpp>

namespace dind::cache {
namespace {

constexpr std::size_t kConfigLimit = 16U << 20U;
constexpr std::size_t kDocumentLimit = 4U << 20U; // what registries take of a manifest

Result<Skeleton> read_skeleton_at(const Fd& root, const std::string& path) {
  const auto text = sys::read_file_beneath(root, path, kSkeletonLimit);
  if (!text && text.error().is(std::errc::no_such_file_or_directory)) {
    return Skeleton();
  }
  if (!text) {
    return text.error();
  }
  return parse_skeleton(*text).within(path);
}

std::string digits_of(const Digest& diff_id) {
  constexpr std::size_t kDigits = 16;
  return diff_id.hex().substr(0, kDigits);
}

} // namespace

std::string layer_dir(const Digest& diff_id) {
  return "layer/" + diff_id.hex();
}

std::string tree_dir(const Digest& diff_id) {
  return layer_dir(diff_id) + "/" + kTreeName;
}

std::string tar_split_file(const Digest& diff_id) {
  return layer_dir(diff_id) + "/" + kTarSplitName;
}

std::string config_file(const Digest& image_id) {
  return "config/" + image_id.hex() + ".json";
}

std::string document_file(const Digest& digest) {
  return fmt::format("{}/{}.json", kDocumentsDir, digest.hex());
}

std::string blob_file(const Digest& digest) {
  return fmt::format("{}/{}", kBlobsDir, digest.hex());
}

std::string short_name(const Digest& diff_id) {
  return fmt::format("{}/{}", kShortNamesDir, digits_of(diff_id));
}

std::string short_name_target(const Digest& diff_id) {
  return "../" + layer_dir(diff_id);
}

Result<Fd> open_tree(const Fd& root, const Digest& diff_id) {
  return sys::open_beneath(root, tree_dir(diff_id), O_RDONLY | O_DIRECTORY);
}

Result<Fd> open_tar_split(const Fd& root, const Digest& diff_id) {
  Fd fd = TRY(sys::open_regular_beneath(root, tar_split_file(diff_id)));
  const struct stat found = TRY(sys::stat_of(fd));
  if (found.st_size > kTarSplitLimit) {
    return input_error("{} has {} bytes, more than the {} that are allowed",
                       tar_split_file(diff_id), found.st_size, kTarSplitLimit);
  }
  return fd;
}

Result<Fd> open_blob(const Fd& root, const Digest& digest, std::uint64_t size) {
  const std::string path = blob_file(digest);
  Fd fd = TRY(sys::open_regular_beneath(root, path));
  const struct stat found = TRY(sys::stat_of(fd));
  if (static_cast<std::uint64_t>(found.st_size) != size) {
    return input_error("{} has {} bytes, not {}", path, found.st_size, size);
  }
  return fd;
}

bool is_tree_of(const boost::filesystem::path& path, const boost::filesystem::path& cache,
                const Digest& diff_id) {
  return path == cache / tree_dir(diff_id) || path == cache / short_name(diff_id) / kTreeName;
}

std::optional<boost::filesystem::path> cache_of(const boost::filesystem::path& path,
                                                const Digest& diff_id, const std::string& name) {
  for (const std::string& dir : {layer_dir(diff_id), short_name(diff_id)}) {
    const std::string end = "/" + dir + "/" + name;
    const std::string& whole = path.native();
    if (path.is_absolute() && whole.size() > end.size() && whole.ends_with(end)) {
      return whole.substr(0, whole.size() - end.size());
    }
  }
  return std::nullopt;
}

Result<Cache> Cache::open(const boost::filesystem::path& path) {
  Fd root = TRY(sys::open_dir(path));
  const std::string text =
      TRY(sys::read_file_beneath(root, kManifestName, kManifestLimit).within(path.native()));
  Manifest manifest = TRY(parse_manifest(text).within((path / kManifestName).native()));
  return Cache(path, std::move(root), std::move(manifest), archive::sha256_of(text));
}

// One name may be that of two layers, whose IDs begin alike.
boost::filesystem::path Cache::path_to_layer(const Digest& diff_id) const {
  const auto names = sys::open_beneath(root_, kShortNamesDir, O_PATH | O_DIRECTORY);
  const std::string name = digits_of(diff_id);
  const auto target =
      names ? sys::read_link_at({*names, name}) : Result<std::string>(names.error());
  const bool is_short = target && *target == short_name_target(diff_id);
  return path_ / (is_short ? short_name(diff_id) : layer_dir(diff_id));
}

Result<Skeleton> Cache::read_skeleton(const Digest& diff_id) const {
  const std::string path = layer_dir(diff_id) + "/" + kSkeletonName;
  Skeleton skeleton = TRY(read_skeleton_at(root_, path));
  const Layer* layer = manifest_.find(diff_id);
  if (layer && skeleton.marks() != layer->marks) {
    return input_error("{} has {} marks, and {} says {}: deleted files would be back", path,
                       skeleton.marks(), kManifestName, layer->marks);
  }
  return skeleton;
}

Result<Skeleton> read_skeleton(const Fd& root, const Digest& diff_id) {
  return read_skeleton_at(root, layer_dir(diff_id) + "/" + kSkeletonName);
}

Result<std::string> Cache::read_config(const Digest& image_id) const {
  const std::string path = config_file(image_id);
  std::string config = TRY(sys::read_file_beneath(root_, path, kConfigLimit));
  if (archive::sha256_of(config) != image_id) {
    return input_error("{} does not hash to its name", path);
  }
  return config;
}

Result<std::string> Cache::read_document(const Document& document) const {
  const std::string path = document_file(document.digest);
  std::string text = TRY(sys::read_file_beneath(root_, path, kDocumentLimit));
  if (text.size() != document.size || archive::sha256_of(text) != document.digest) {
    return input_error("{} is not what {} says", path, kManifestName);
  }
  return text;
}

} // namespace dind::cache
