#include <support/cache_builder.hpp>

#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <cache/canary.hpp>
#include <cache/reader.hpp>
#include <cache/skeleton.hpp>
#include <support/layer.hpp>
#include <sys/file.hpp>

#include <boost/filesystem/operations.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace dind::test {
namespace {

namespace fs = boost::filesystem;

// Of files and symlinks, each inode once.
std::uint64_t bytes_below(const fs::path& tree) {
  std::uint64_t bytes = 0;
  std::set<ino_t> seen;
  for (const auto& entry : fs::recursive_directory_iterator(tree)) {
    struct stat found {};
    const bool counts = ::lstat(entry.path().c_str(), &found) == 0 &&
                        (S_ISREG(found.st_mode) || S_ISLNK(found.st_mode));
    if (counts && seen.insert(found.st_ino).second) {
      bytes += static_cast<std::uint64_t>(found.st_size);
    }
  }
  return bytes;
}

} // namespace

Digest CacheBuilder::add_layer(const std::string& tar, const std::vector<std::string>& whiteouts) {
  const Digest diff_id = archive::sha256_of(tar);
  if (manifest_.find(diff_id)) {
    return diff_id;
  }
  dir_.make_dir(cache::tree_dir(diff_id));
  const Fd tree = sys::open_dir(dir_ / cache::tree_dir(diff_id)).value();
  dir_.make_dir(cache::kShortNamesDir);
  fs::create_symlink(cache::short_name_target(diff_id), dir_ / cache::short_name(diff_id));
  RecordingMarks marks;
  const std::string tar_split = unpack(tar, tree, marks).value();
  archive::GzipWriter gzip;
  gzip.write(tar_split);
  gzip.finish();
  dir_.write(cache::tar_split_file(diff_id), gzip.take());
  cache::Skeleton skeleton;
  skeleton.whiteouts = whiteouts;
  skeleton.implied = marks.implied_dirs;
  if (!skeleton.empty()) {
    dir_.write(cache::layer_dir(diff_id) + "/" + cache::kSkeletonName,
               cache::print_skeleton(skeleton));
  }
  cache::Layer layer{.diff_id = diff_id,
                     .entries = 100,
                     .bytes = bytes_below(dir_ / cache::tree_dir(diff_id)),
                     .tar_bytes = tar.size()};
  layer.marks = skeleton.marks();
  layer.mark_dirs = skeleton.mark_dirs().size();
  manifest_.layers.push_back(std::move(layer));
  tars_.emplace(diff_id, tar);
  return diff_id;
}

Digest CacheBuilder::add_image(const std::string& name, const std::vector<Digest>& layers) {
  std::string diff_ids;
  for (const Digest& diff_id : layers) {
    diff_ids += (diff_ids.empty() ? "\"" : ",\"") + diff_id.text() + "\"";
  }
  const std::string config =
      R"({"name":")" + name + R"(","rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}";
  return add_image(name, layers, config);
}

Digest CacheBuilder::add_image(const std::string& name, const std::vector<Digest>& layers,
                               const std::string& config) {
  cache::Image image{.id = archive::sha256_of(config), .names = {name}};
  image.platform = "linux/amd64";
  image.config_bytes = config.size();
  image.layers = layers;
  dir_.write(cache::config_file(image.id), config);
  manifest_.images.push_back(image);
  return image.id;
}

Digest CacheBuilder::add_document(const std::string& text, const std::string& media_type) {
  const Digest digest = archive::sha256_of(text);
  dir_.write(cache::document_file(digest), text);
  auto& documents = manifest_.documents;
  documents.push_back({digest, text.size(), media_type});
  std::sort(documents.begin(), documents.end(),
            [](const auto& a, const auto& b) { return a.digest < b.digest; });
  return digest;
}

void CacheBuilder::came_from_registry(const Digest& image_id, Compressed compressed) {
  cache::Image& image =
      *std::find_if(manifest_.images.begin(), manifest_.images.end(),
                    [&](const cache::Image& each) { return each.id == image_id; });
  std::string layers;
  for (const Digest& diff_id : image.layers) {
    archive::GzipWriter gzip;
    gzip.write(tars_.at(diff_id));
    gzip.finish();
    const std::string bytes = gzip.take();
    const Digest digest = archive::sha256_of(bytes);
    layers += fmt::format(R"({}{{"digest":"{}","size":{}}})", layers.empty() ? "" : ",",
                          digest.text(), bytes.size());
    auto& layer = *std::find_if(manifest_.layers.begin(), manifest_.layers.end(),
                                [&](const cache::Layer& each) { return each.diff_id == diff_id; });
    const bool is_carried = compressed == Compressed::carried;
    layer.blobs = {{.digest = digest,
                    .size = bytes.size(),
                    .media_type = "application/vnd.oci.image.layer.v1.tar+gzip",
                    .repositories = {"docker.io/library/app"},
                    .carried = is_carried}};
    if (is_carried) {
      dir_.write(cache::blob_file(digest), bytes);
    }
  }
  image.manifest = add_document(fmt::format(R"({{"schemaVersion":2,"config":{{"digest":"{}"}},)"
                                            R"("layers":[{}]}})",
                                            image_id.text(), layers),
                                "application/vnd.oci.image.manifest.v1+json");
  image.index = add_document(
      fmt::format(
          R"({{"schemaVersion":2,"manifests":[{{"digest":"{}"}},{{"digest":"sha256:{}"}}]}})",
          image.manifest->text(), std::string(64, 'e')),
      "application/vnd.oci.image.index.v1+json");
  for (const Digest& digest : {*image.manifest, *image.index}) {
    image.digests.push_back(image.names.front().substr(0, image.names.front().find(':')) + "@" +
                            digest.text());
  }
}

void CacheBuilder::finish() {
  if (!dir_.has(cache::kCanaryName)) {
    manifest_.canary_capability = cache::make_canary(dir_.fd()).value();
  }
  dir_.write(cache::kManifestName, cache::print_manifest(manifest_));
}

} // namespace dind::test
