#include <bake/previous_image.hpp>

#include <bake/image.hpp>
#include <bake/image_config.hpp>
#include <bake/oci_descriptor.hpp>
#include <bake/oci_layout.hpp>
#include <base/json.hpp>
#include <sys/file.hpp>

#include <archive/compression.hpp>
#include <archive/member_path.hpp>
#include <archive/tar_reader.hpp>

namespace dind::bake {
namespace {

class TextSink final : public archive::PayloadSink {
public:
  explicit TextSink(std::string& text) : text_(text) {}
  Result<void> data(std::uint64_t, std::span<const std::byte> bytes) override {
    if (text_.size() + bytes.size() > cache::kManifestLimit) {
      return input_error("a {} of more than {} bytes", cache::kManifestName, cache::kManifestLimit);
    }
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }

private:
  std::string& text_;
};

// cache.json out of the layer that has the index.
Result<cache::Manifest> read_cache_manifest(const Stored& stored) {
  archive::RangeSource raw = stored.source();
  const auto plain = TRY(archive::decompress(raw));
  archive::TarReader reader(*plain.source);
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      return input_error("no {} in it", cache::kManifestName);
    }
    if (archive::base_of(entry->name) != cache::kManifestName) {
      continue;
    }
    std::string text;
    TextSink sink(text);
    TRY(reader.read_payload(sink));
    return cache::parse_manifest(text);
  }
}

std::string annotation(const json::object& descriptor, const char* key) {
  const json::value* const annotations = descriptor.if_contains("annotations");
  const json::value* const value = annotations && annotations->is_object()
                                       ? annotations->get_object().if_contains(key)
                                       : nullptr;
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

} // namespace

Result<void> PreviousLayers::add_image(const Bundle& bundle, const json::Fields& manifest,
                                       const std::string& recipe) {
  const json::array* const layers = TRY(manifest.list("layers"));
  const auto descriptors = TRY(parse_descriptors(*layers));
  if (descriptors.empty() || annotation(layers->back().get_object(), kRecipeAnnotation) != recipe) {
    return {};
  }
  const json::object* const config_object = TRY(manifest.child("config"));
  const Descriptor config = TRY(parse_descriptor(*config_object));
  const std::string config_text =
      TRY(read_verified(bundle, blob_file(config.digest), config.digest));
  const ImageConfig parsed = TRY(parse_image_config(config_text));
  const Stored index = TRY(bundle.find(blob_file(descriptors.back().digest)));
  const cache::Manifest cached = TRY(read_cache_manifest(index));
  for (std::size_t i = 0; i < descriptors.size() && i < parsed.diff_ids.size(); ++i) {
    const json::object& members = (*layers)[i].get_object();
    const auto diff_id = Digest::parse(annotation(members, kLayerAnnotation));
    const cache::Layer* const facts = diff_id ? cached.find(*diff_id) : nullptr;
    if (!facts || annotation(members, kRecipeAnnotation) != recipe) {
      continue;
    }
    const Descriptor& at = descriptors[i];
    const Stored bytes = TRY(bundle.find(blob_file(at.digest)));
    if (bytes.size != at.size) {
      continue; // cut short; it is made again
    }
    OuterLayer layer{parsed.diff_ids[i], {at.digest, at.size}, at.media_type, {}};
    known_.emplace(*diff_id, Known{std::move(layer), *facts, bytes});
  }
  return {};
}

Result<PreviousLayers> PreviousLayers::read(const boost::filesystem::path& layout,
                                            const std::string& recipe) {
  PreviousLayers previous;
  auto opened = open_directory(layout);
  if (!opened && opened.error().is(std::errc::no_such_file_or_directory)) {
    return previous; // the first run of many
  }
  const auto bundle = TRY(std::move(opened));
  if (!bundle->has(kOciIndex)) {
    return previous;
  }
  const std::string text = TRY(bundle->read_document(kOciIndex));
  const json::value document = TRY(json::parse(text).within(kOciIndex));
  const auto fields = TRY(json::Fields::of(document).within(kOciIndex));
  const json::array* const list = TRY(fields.list("manifests").within(kOciIndex));
  for (const Descriptor& image : TRY(parse_descriptors(*list))) {
    if (!is_manifest(image)) {
      continue;
    }
    const std::string manifest_text =
        TRY(read_verified(*bundle, blob_file(image.digest), image.digest));
    const json::value manifest = TRY(json::parse(manifest_text).within(image.digest.text()));
    const auto members = TRY(json::Fields::of(manifest).within(image.digest.text()));
    TRY(previous.add_image(*bundle, members, recipe).within(image.digest.text()));
  }
  return previous;
}

const PreviousLayers::Known* PreviousLayers::find(const Digest& diff_id) const {
  const auto found = known_.find(diff_id);
  return found == known_.end() ? nullptr : &found->second;
}

Result<void> take_over(const PreviousLayers::Known& known, const boost::filesystem::path& layout,
                       const Fd& dir) {
  const Digest& digest = known.layer.blob.digest;
  const Fd blobs = TRY(sys::open_dir(layout / "blobs" / "sha256"));
  archive::RangeSource source = known.bytes.source();
  if (sys::link_at({blobs, digest.hex()}, {dir, digest.hex()})) {
    archive::HashingSource hashed(source);
    TRY(archive::drain(hashed));
    return hashed.finish() == digest
               ? Result<void>()
               : input_error("{} of {} is damaged", digest.text(), layout.native());
  }
  const auto writer = TRY(BlobWriter::create(dir));
  TRY(archive::pour(source, *writer));
  const StoredBlob blob = TRY(writer->finish());
  return blob.digest == digest ? Result<void>()
                               : input_error("{} of {} is damaged", digest.text(), layout.native());
}

} // namespace dind::bake
