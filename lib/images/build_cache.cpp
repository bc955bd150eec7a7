#include <images/build_cache.hpp>

#include <cache/manifest.hpp>
#include <images/oci_descriptor.hpp>
#include <images/oci_layout.hpp>

#include <algorithm>
#include <utility>

namespace dind::images {
namespace {

constexpr const char* kBuildCacheConfig = "application/vnd.buildkit.cacheconfig.v0";
constexpr const char* kLatest = "latest"; // the tag that BuildKit exports under

Result<std::vector<Descriptor>> descriptors_in(const json::Fields& document, const char* key) {
  const json::array* const list = TRY(document.list(key));
  return parse_descriptors(*list);
}

Result<Descriptor> find_export(const Bundle& bundle) {
  const std::string text = TRY(bundle.read_document(kOciIndex));
  const json::value document = TRY(json::parse(text).within(kOciIndex));
  const auto fields = TRY(json::Fields::of(document).within(kOciIndex));
  const auto exports = TRY(descriptors_in(fields, "manifests").within(kOciIndex));
  const auto latest = std::find_if(exports.begin(), exports.end(),
                                   [](const Descriptor& each) { return each.ref_name == kLatest; });
  if (latest != exports.end()) {
    return *latest;
  }
  return exports.size() == 1 ? Result<Descriptor>(exports.front())
                             : input_error("{} lists {} caches, none of them as {}", kOciIndex,
                                           exports.size(), kLatest);
}

// What the document names, its configuration among it.
Result<std::vector<Descriptor>> blobs_of(const std::string& text) {
  const json::value document = TRY(json::parse(text));
  const auto fields = TRY(json::Fields::of(document));
  if (fields.has("manifests")) {
    return descriptors_in(fields, "manifests");
  }
  auto blobs = TRY(descriptors_in(fields, "layers"));
  const json::object* const config = TRY(fields.child("config"));
  blobs.push_back(TRY(parse_descriptor(*config)));
  return blobs;
}

} // namespace

Result<BuildCache> read_build_cache(const std::string& name, const boost::filesystem::path& dir) {
  if (!cache::is_build_cache_name(name)) {
    return input_error("\"{}\" is no name for a build cache: lower-case letters, digits, and - . _ "
                       "or / between them",
                       name);
  }
  const std::shared_ptr<const Bundle> bundle = TRY(open_directory(dir));
  const Descriptor at = TRY(find_export(*bundle).within(dir.native()));
  std::string text =
      TRY(read_verified(*bundle, blob_file(at.digest), at.digest).within(dir.native()));
  const auto blobs = TRY(blobs_of(text).within(at.digest.text()).within(dir.native()));
  if (std::none_of(blobs.begin(), blobs.end(),
                   [](const Descriptor& blob) { return blob.media_type == kBuildCacheConfig; })) {
    return input_error("{}: no build cache: nothing in it is of the type {}", dir.native(),
                       kBuildCacheConfig);
  }
  BuildCache found{name, {{at.digest, text.size(), at.media_type}, std::move(text)}, {}};
  for (const Descriptor& blob : blobs) {
    const auto is_same = [&](const LayerOrigin& known) {
      return known.stored_digest == blob.digest;
    };
    if (std::any_of(found.blobs.begin(), found.blobs.end(), is_same)) {
      continue;
    }
    const std::string file = blob_file(blob.digest);
    const Stored stored = TRY(bundle->find(file).within(dir.native()));
    if (stored.size != blob.size) {
      return input_error("{}: {} has {} bytes, not {}", dir.native(), file, stored.size, blob.size);
    }
    found.blobs.push_back({bundle, file, blob.digest,
                           cache::Blob{blob.digest, blob.size, blob.media_type, {}, true}});
  }
  if (found.blobs.size() > cache::kMaxBuildCacheBlobs) { // no reader would take the cache
    return input_error("{}: {} blobs; at most {} are possible", dir.native(), found.blobs.size(),
                       cache::kMaxBuildCacheBlobs);
  }
  return found;
}

} // namespace dind::images
