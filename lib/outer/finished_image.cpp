#include <outer/finished_image.hpp>

#include <archive/tar_writer.hpp>
#include <base/json.hpp>
#include <cache/media_types.hpp>
#include <cache/reference.hpp>
#include <sys/file.hpp>
#include <sys/lock.hpp>
#include <images/docker_archive.hpp>
#include <images/image.hpp>
#include <images/oci_layout.hpp>

#include <algorithm>
#include <map>
#include <tuple>

namespace dind::outer {
namespace {

constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr const char* kImageName = "io.containerd.image.name";
constexpr std::string_view kLayoutText = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::size_t kIndexLimit = 16U << 20U;

json::object descriptor(const char* media_type, const StoredBlob& blob) {
  return {{"mediaType", media_type}, {"digest", blob.digest.text()}, {"size", blob.size}};
}

json::object platform_of(const FinishedImage& image) {
  const std::size_t slash = image.platform.find('/');
  const std::string rest = image.platform.substr(slash + 1);
  const std::size_t variant = rest.find('/');
  json::object platform{{"architecture", rest.substr(0, variant)},
                        {"os", image.platform.substr(0, slash)}};
  if (variant != std::string::npos) {
    platform["variant"] = rest.substr(variant + 1);
  }
  return platform;
}

// One entry for each name, by which skopeo, podman and containerd find it.
std::vector<json::object> index_entries(const FinishedImage& image) {
  std::vector<json::object> entries;
  const auto add = [&](const std::string& ref_name, const std::string& full) {
    json::object entry = descriptor(cache::kOciManifestType, image.manifest);
    entry["platform"] = platform_of(image);
    if (!ref_name.empty()) {
      json::object annotations{{kRefName, ref_name}};
      if (!full.empty()) {
        annotations[kImageName] = full;
      }
      entry["annotations"] = std::move(annotations);
    }
    entries.push_back(std::move(entry));
  };
  if (!image.reference.empty()) {
    add(image.reference, "");
  }
  for (const std::string& name : image.names) {
    if (name != image.reference) {
      const auto parsed = cache::parse_reference(name);
      add(name, parsed ? parsed->repository() + ":" + parsed->tag : "");
    }
  }
  if (entries.empty()) {
    add("", "");
  }
  return entries;
}

std::string ref_name_of(const json::value& entry) {
  const json::object* const members = entry.if_object();
  const json::value* const annotations = members ? members->if_contains("annotations") : nullptr;
  const json::value* const name = annotations && annotations->is_object()
                                      ? annotations->get_object().if_contains(kRefName)
                                      : nullptr;
  return name && name->is_string() ? std::string(name->get_string()) : "";
}

std::string print_docker_manifest(const FinishedImage& image) {
  json::array names;
  for (const std::string& name : image.names) {
    names.push_back(json::value(name));
  }
  json::array layers;
  for (const OuterLayer& layer : image.layers) {
    layers.push_back(json::value(images::blob_file(layer.blob.digest)));
  }
  json::object item{{"Config", images::blob_file(image.config.digest)},
                    {"RepoTags", std::move(names)},
                    {"Layers", std::move(layers)}};
  return json::print(json::array{std::move(item)}, json::Style::compact);
}

// A blob of the draft for a tar.
class BlobSource final : public archive::ByteSource {
public:
  BlobSource(Fd fd, std::uint64_t size) : fd_(std::move(fd)), range_(fd_, 0, size) {}
  Result<std::size_t> read(std::span<std::byte> into) override { return range_.read(into); }

private:
  Fd fd_;
  archive::RangeSource range_;
};

class TextSource final : public archive::ByteSource {
public:
  explicit TextSource(std::string text) : text_(std::move(text)), memory_(text_) {}
  Result<std::size_t> read(std::span<std::byte> into) override { return memory_.read(into); }

private:
  std::string text_;
  archive::MemorySource memory_;
};

// Each blob once, sorted by digest.
std::map<Digest, std::uint64_t> blobs_of(const FinishedImage& image) {
  std::map<Digest, std::uint64_t> blobs = {{image.config.digest, image.config.size},
                                           {image.manifest.digest, image.manifest.size}};
  for (const OuterLayer& layer : image.layers) {
    blobs.emplace(layer.blob.digest, layer.blob.size);
  }
  return blobs;
}

Result<std::string> read_index(const Fd& layout) {
  const std::string name = images::kOciIndex;
  if (!TRY(sys::exists_at({layout, name}))) {
    return std::string();
  }
  return sys::read_file_at({layout, name}, kIndexLimit);
}

Result<json::object> parse_index(std::string_view text) {
  if (text.empty()) {
    return json::object{
        {"schemaVersion", 2}, {"mediaType", cache::kOciIndexType}, {"manifests", json::array()}};
  }
  json::value document = TRY(json::parse(text).within(images::kOciIndex));
  if (!document.is_object() || !document.get_object()["manifests"].is_array()) {
    return input_error("{}: not an index of manifests", images::kOciIndex);
  }
  return std::move(document.get_object());
}

} // namespace

std::string
print_image_manifest(const StoredBlob& config, const std::vector<OuterLayer>& layers,
                     const std::vector<std::pair<std::string, std::string>>& annotations) {
  const auto print_annotations = [](const auto& pairs) {
    json::object members;
    for (const auto& [key, value] : pairs) {
      members[key] = value;
    }
    return members;
  };
  json::array list;
  for (const OuterLayer& layer : layers) {
    json::object item = descriptor(layer.media_type.c_str(), layer.blob);
    if (!layer.annotations.empty()) {
      item["annotations"] = print_annotations(layer.annotations);
    }
    list.push_back(std::move(item));
  }
  json::object manifest{{"schemaVersion", 2},
                        {"mediaType", cache::kOciManifestType},
                        {"config", descriptor(kConfigType, config)},
                        {"layers", std::move(list)}};
  if (!annotations.empty()) {
    manifest["annotations"] = print_annotations(annotations);
  }
  return json::print(manifest, json::Style::compact);
}

Result<std::string> add_to_index(std::string_view before, const FinishedImage& image) {
  json::object index = TRY(parse_index(before));
  json::array& manifests = index["manifests"].get_array();
  for (json::object& entry : index_entries(image)) {
    const std::string name = ref_name_of(entry);
    // What had the name gives way, as does the same image without one.
    manifests.erase(std::remove_if(manifests.begin(), manifests.end(),
                                   [&](const json::value& old) {
                                     return ref_name_of(old) == name &&
                                            (!name.empty() || old == json::value(entry));
                                   }),
                    manifests.end());
    manifests.push_back(std::move(entry));
  }
  return json::print(index, json::Style::compact);
}

Result<Fd> lock_layout(const Fd& layout) {
  const std::string here = ".";
  Fd lock = TRY(sys::open_dir_at({layout, here}));
  std::ignore = sys::wait_lock(lock); // a filesystem without locks serves one at a time
  return lock;
}

Result<void> check_layout_index(const Fd& layout) {
  const std::string text = TRY(read_index(layout));
  TRY(parse_index(text));
  return {};
}

Result<void> store_oci_layout(const Fd& layout, const Fd& draft, const FinishedImage& image) {
  const Fd lock = TRY(lock_layout(layout));
  const std::string before = TRY(read_index(layout));
  const std::string index = TRY(add_to_index(before, image));
  // First, and out of the draft: whatever ends this from here on leaves a layout, which the next
  // run adds to.
  const std::string marker = images::kOciLayoutFile;
  TRY(sys::replace_file_at({draft, marker}, kLayoutText, 0644, sys::Durable::no));
  TRY(sys::rename_at({draft, marker}, {layout, marker}));
  const std::string blobs_name = "blobs";
  const std::string sha_name = "sha256";
  TRY(sys::ensure_dir_at({layout, blobs_name}, 0755));
  const Fd blobs = TRY(sys::open_dir_at({layout, blobs_name}));
  TRY(sys::ensure_dir_at({blobs, sha_name}, 0755));
  const Fd sha = TRY(sys::open_dir_at({blobs, sha_name}));
  for (const auto& [digest, size] : blobs_of(image)) {
    TRY(sys::rename_at({draft, digest.hex()}, {sha, digest.hex()}));
  }
  return sys::replace_file_at({layout, images::kOciIndex}, index, 0644, sys::Durable::yes);
}

Result<ArchiveStream> stream_archive(const Fd& draft, const FinishedImage& image,
                                     ArchiveFormat format) {
  // Documents first, so that a reader knows early what it gets.
  std::vector<std::pair<std::string, std::string>> texts = {
      {images::kOciLayoutFile, std::string(kLayoutText)},
      {images::kOciIndex, TRY(add_to_index("", image))}};
  if (format == ArchiveFormat::docker) {
    texts.emplace_back(images::kDockerManifest, print_docker_manifest(image));
  }
  std::uint64_t bytes = archive::kTarEnd;
  for (const auto& [name, text] : texts) {
    bytes += archive::tar_file_size(text.size());
  }
  std::vector<StoredBlob> blobs;
  for (const auto& [digest, size] : blobs_of(image)) {
    blobs.push_back({digest, size});
    bytes += archive::tar_file_size(size);
  }
  auto next = [&draft, texts = std::move(texts), blobs = std::move(blobs),
               at = std::size_t{0}]() mutable -> Result<std::optional<archive::TarFile>> {
    const std::size_t i = at++;
    if (i < texts.size()) {
      auto& [name, text] = texts[i];
      const std::uint64_t size = text.size();
      return std::optional(
          archive::TarFile{name, size, std::make_unique<TextSource>(std::move(text))});
    }
    if (i - texts.size() >= blobs.size()) {
      return std::optional<archive::TarFile>();
    }
    const StoredBlob& blob = blobs[i - texts.size()];
    Fd fd = TRY(sys::open_at({draft, blob.digest.hex()}, O_RDONLY));
    return std::optional(archive::TarFile{images::blob_file(blob.digest), blob.size,
                                          std::make_unique<BlobSource>(std::move(fd), blob.size)});
  };
  return ArchiveStream{std::make_unique<archive::TarWriterSource>(std::move(next)), bytes};
}

} // namespace dind::outer
