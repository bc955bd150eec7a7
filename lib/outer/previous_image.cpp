#include <outer/previous_image.hpp>

#include <base/json.hpp>
#include <sys/file.hpp>
#include <images/image.hpp>
#include <images/image_config.hpp>
#include <images/oci_descriptor.hpp>
#include <images/oci_layout.hpp>

#include <archive/compression.hpp>
#include <archive/member_path.hpp>
#include <archive/tar_reader.hpp>

namespace dind::outer {
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

Result<bool> is_whole(const images::Stored& stored, const Digest& digest) {
  archive::RangeSource source = stored.source();
  archive::HashingSource hashed(source);
  TRY(archive::drain(hashed));
  return hashed.finish() == digest;
}

// cache.json out of the layer that has the index.
Result<cache::Manifest> read_cache_manifest(const images::Stored& stored, const Digest& digest) {
  if (!TRY(is_whole(stored, digest))) {
    return input_error("{} is damaged", digest.text());
  }
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

Result<void> PreviousLayers::add_image(const images::Bundle& bundle, const json::Fields& manifest,
                                       const std::string& recipe) {
  const json::array* const layers = TRY(manifest.list("layers"));
  const auto descriptors = TRY(images::parse_descriptors(*layers));
  if (descriptors.empty() || annotation(layers->back().get_object(), kRecipeAnnotation) != recipe) {
    return {};
  }
  const json::object* const config_object = TRY(manifest.child("config"));
  const images::Descriptor config = TRY(images::parse_descriptor(*config_object));
  const std::string config_text =
      TRY(images::read_verified(bundle, images::blob_file(config.digest), config.digest));
  const images::ImageConfig parsed = TRY(images::parse_image_config(config_text));
  const Digest& top = descriptors.back().digest;
  const images::Stored index = TRY(bundle.find(images::blob_file(top)));
  const cache::Manifest cached = TRY(read_cache_manifest(index, top));
  for (std::size_t i = 0; i < descriptors.size() && i < parsed.diff_ids.size(); ++i) {
    const json::object& members = (*layers)[i].get_object();
    const images::Descriptor& at = descriptors[i];
    if (annotation(members, kRecipeAnnotation) != recipe) {
      continue;
    }
    const auto bytes = bundle.find(images::blob_file(at.digest));
    if (!bytes || bytes->size != at.size) {
      warnings_.push_back(
          fmt::format("{}: {}, so that layer is made again", layout_.native(),
                      bytes ? at.digest.text() + " is cut short" : bytes.error().describe()));
      continue;
    }
    const KeptLayer kept{{parsed.diff_ids[i], {at.digest, at.size}, at.media_type, {}}, *bytes};
    all_.emplace(kept.layer.diff_id, kept);
    if (const auto blob = Digest::parse(annotation(members, kBlobAnnotation))) {
      blobs_.emplace(*blob, kept);
    }
    const auto diff_id = Digest::parse(annotation(members, kLayerAnnotation));
    const cache::Layer* const facts = diff_id ? cached.find(*diff_id) : nullptr;
    if (facts) {
      inner_.emplace(*diff_id, KeptInnerLayer{kept, *facts});
    }
  }
  return {};
}

Result<void> PreviousLayers::read_image(const images::Bundle& bundle, const Digest& digest,
                                        const std::string& recipe) {
  const std::string text = TRY(images::read_verified(bundle, images::blob_file(digest), digest));
  const json::value manifest = TRY(json::parse(text));
  const auto members = TRY(json::Fields::of(manifest));
  return add_image(bundle, members, recipe);
}

Result<void> PreviousLayers::read_layout(const std::string& recipe) {
  auto opened = images::open_directory(layout_);
  if (!opened && (opened.error().is(std::errc::no_such_file_or_directory) ||
                  opened.error().is(std::errc::not_a_directory))) {
    absence_ = "there is no such directory";
    return {};
  }
  const auto bundle = TRY(std::move(opened));
  if (!bundle->has(images::kOciIndex)) {
    absence_ = "it is no OCI layout";
    return {};
  }
  const std::string text = TRY(bundle->read_document(images::kOciIndex));
  const json::value document = TRY(json::parse(text).within(images::kOciIndex));
  const auto fields = TRY(json::Fields::of(document).within(images::kOciIndex));
  const json::array* const list = TRY(fields.list("manifests").within(images::kOciIndex));
  for (const images::Descriptor& image :
       TRY(images::parse_descriptors(*list).within(images::kOciIndex))) {
    if (!images::is_manifest(image)) {
      continue;
    }
    const auto read = read_image(*bundle, image.digest, recipe);
    if (!read) {
      warnings_.push_back(fmt::format("{}: the image {} is not used: {}", layout_.native(),
                                      image.digest.text(), read.error().describe()));
    }
  }
  if (all_.empty() && warnings_.empty()) {
    absence_ = "no image in it was made in the same way, by this version with this --cache-dir and "
               "--compression";
  }
  return {};
}

PreviousLayers PreviousLayers::read(const boost::filesystem::path& layout,
                                    const std::string& recipe) {
  PreviousLayers previous;
  previous.layout_ = layout;
  if (const auto read = previous.read_layout(recipe); !read) {
    previous.warnings_.push_back(
        fmt::format("{}: nothing is taken from it: {}", layout.native(), read.error().describe()));
  }
  return previous;
}

const KeptInnerLayer* PreviousLayers::find_inner(const Digest& diff_id) const {
  const auto found = inner_.find(diff_id);
  return found == inner_.end() ? nullptr : &found->second;
}

const KeptLayer* PreviousLayers::find_blob(const Digest& digest) const {
  const auto found = blobs_.find(digest);
  return found == blobs_.end() ? nullptr : &found->second;
}

const KeptLayer* PreviousLayers::find(const Digest& diff_id) const {
  const auto found = all_.find(diff_id);
  return found == all_.end() ? nullptr : &found->second;
}

Result<OuterLayer> PreviousLayers::take_over(const KeptLayer& kept, const Fd& dir) const {
  const Digest& digest = kept.layer.blob.digest;
  const Fd blobs = TRY(sys::open_dir(layout_ / "blobs" / "sha256"));
  bool whole = false;
  if (sys::link_at({blobs, digest.hex()}, {dir, digest.hex()})) {
    whole = TRY(is_whole(kept.bytes, digest));
  } else {
    archive::RangeSource source = kept.bytes.source();
    const auto writer = TRY(BlobWriter::create(dir));
    TRY(archive::pour(source, *writer));
    whole = TRY(writer->finish()).digest == digest;
  }
  if (!whole) {
    return input_error("{} of {} is damaged", digest.text(), layout_.native());
  }
  return kept.layer;
}

} // namespace dind::outer
