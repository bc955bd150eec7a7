#include <images/oci_layout.hpp>

#include <cache/reference.hpp>
#include <images/image_config.hpp>
#include <images/oci_descriptor.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace dind::images {
namespace {

constexpr int kMaxNesting = 4; // of indexes

// What index.json offers under one name: one manifest, or one for each platform.
struct Offer {
  std::string ref_name;
  std::optional<cache::Reference> name; // if an annotation is a whole reference
  std::vector<Descriptor> descriptors;

  bool has_digest(const std::string& text) const {
    return std::any_of(descriptors.begin(), descriptors.end(), [&](const Descriptor& descriptor) {
      return descriptor.digest.text() == text;
    });
  }
  std::string label() const {
    if (name && !name->tag.empty()) {
      return name->familiar_tagged();
    }
    return ref_name.empty() ? descriptors.front().digest.text() : ref_name;
  }
};

// A bare word is as likely a tag as a name.
std::optional<cache::Reference> parse_full_name(const std::string& text) {
  if (text.find_first_of(":/") == std::string::npos) {
    return std::nullopt;
  }
  auto parsed = cache::parse_reference(text);
  if (!parsed || (parsed->tag.empty() && !parsed->digest)) {
    return std::nullopt;
  }
  return std::move(parsed).value();
}

std::vector<Offer> group_by_name(const std::vector<Descriptor>& descriptors) {
  std::vector<Offer> offers;
  std::map<std::pair<std::string, std::string>, std::size_t> known;
  for (const Descriptor& descriptor : descriptors) {
    if (descriptor.attestation) {
      continue;
    }
    const bool named = !descriptor.ref_name.empty() || !descriptor.image_name.empty();
    const auto key = std::pair(descriptor.image_name, descriptor.ref_name);
    if (const auto found = known.find(key); named && found != known.end()) {
      offers[found->second].descriptors.push_back(descriptor);
      continue;
    }
    known.emplace(key, offers.size());
    auto name = parse_full_name(descriptor.image_name);
    offers.push_back({descriptor.ref_name,
                      name ? std::move(name) : parse_full_name(descriptor.ref_name),
                      {descriptor}});
  }
  return offers;
}

bool is_same_name(const std::optional<cache::Reference>& name, const cache::Reference& wanted) {
  return name && name->repository() == wanted.repository() && name->tag == wanted.tag;
}

// The offers that `reference` means.
Result<std::vector<Offer>> select(std::vector<Offer> offers, const std::string& reference) {
  std::vector<Offer> chosen;
  const auto keep_if = [&](const auto& wanted) {
    std::copy_if(offers.begin(), offers.end(), std::back_inserter(chosen), wanted);
    return !chosen.empty();
  };
  if (keep_if([&](const Offer& offer) { return offer.ref_name == reference; }) ||
      keep_if([&](const Offer& offer) { return offer.has_digest(reference); })) {
    return chosen;
  }
  const auto parsed = cache::parse_reference(reference);
  if (parsed && keep_if([&](const Offer& offer) { return is_same_name(offer.name, *parsed); })) {
    return chosen;
  }
  if (parsed && parsed->digest &&
      keep_if([&](const Offer& offer) { return offer.has_digest(parsed->digest->text()); })) {
    return chosen;
  }
  // A layout may say no more than the tag, or nothing at all.
  const auto full = parse_full_name(reference);
  if (full && keep_if([&](const Offer& offer) {
        return !offer.name && (offer.ref_name == full->tag || offer.ref_name.empty() ||
                               offer.ref_name == full->familiar_name());
      })) {
    if (chosen.size() == 1) {
      chosen.front().name = *full;
      return chosen;
    }
    return input_error("{} may be any of {} images without a name", reference, chosen.size());
  }
  std::string there;
  for (const Offer& offer : offers) {
    there += (there.empty() ? "" : ", ") + offer.label();
  }
  return input_error("no image {}: there is {}", reference, there.empty() ? "none" : there);
}

class Reader {
public:
  Reader(std::shared_ptr<const Bundle> bundle, std::string platform)
      : bundle_(std::move(bundle)), platform_(std::move(platform)) {}

  Result<std::vector<Descriptor>> read_top() const {
    const std::string text = TRY(bundle_->read_document(kOciIndex));
    return parse_index(text).within(kOciIndex);
  }

  // Follows indexes down to the manifest for the platform.
  Result<SourceImage> read_image(const Offer& offer) const {
    Descriptor at = TRY(choose_platform(offer.descriptors, platform_));
    std::optional<Digest> index;
    for (int nesting = 0; nesting < kMaxNesting; ++nesting) {
      const std::string text = TRY(read_blob(at));
      const json::value document = TRY(json::parse(text).within(blob_file(at.digest)));
      if (!is_index(at, document)) {
        auto image = read_manifest(at, document).within(at.digest.text());
        if (image) {
          image->image.manifest = at.digest;
          image->image.index = index;
        }
        return image;
      }
      if (!index) {
        index = at.digest;
      }
      const auto choices = TRY(parse_index(text).within(at.digest.text()));
      at = TRY(choose_platform(choices, platform_).within(at.digest.text()));
    }
    return input_error("more than {} indexes within each other", kMaxNesting);
  }

private:
  static Result<std::vector<Descriptor>> parse_index(const std::string& text) {
    const json::value document = TRY(json::parse(text));
    const auto fields = TRY(json::Fields::of(document));
    const json::array* const manifests = TRY(fields.list("manifests"));
    return parse_descriptors(*manifests);
  }

  static bool is_index(const Descriptor& descriptor, const json::value& document) {
    if (is_manifest(descriptor)) {
      return false;
    }
    const json::object* const members = document.if_object();
    return images::is_index(descriptor) || (members && members->contains("manifests"));
  }

  Result<Stored> find_blob(const Descriptor& descriptor) const {
    const std::string file = blob_file(descriptor.digest);
    Stored stored = TRY(bundle_->find(file));
    if (stored.size != descriptor.size) {
      return input_error("{} has {} bytes, not {}", file, stored.size, descriptor.size);
    }
    return stored;
  }

  Result<std::string> read_blob(const Descriptor& descriptor) const {
    TRY(find_blob(descriptor));
    return read_verified(*bundle_, blob_file(descriptor.digest), descriptor.digest);
  }

  Result<SourceImage> read_manifest(const Descriptor& self, const json::value& document) const {
    const auto fields = TRY(json::Fields::of(document));
    if (TRY(fields.number_or("schemaVersion", 2)) != 2 || fields.has("fsLayers")) {
      return input_error("a manifest of schema 1, which engines no longer take");
    }
    if (!self.media_type.empty() && !is_manifest(self)) {
      return input_error("a manifest of the unknown media type \"{}\"", self.media_type);
    }
    const json::array* const layer_list = TRY(fields.list("layers"));
    const auto layers = TRY(parse_descriptors(*layer_list));
    for (const Descriptor& layer : layers) {
      TRY(check_layer_type(layer));
    }
    const json::object* const config_document = TRY(fields.child("config"));
    const Descriptor config = TRY(parse_descriptor(*config_document));
    std::string config_text = TRY(read_blob(config));
    SourceImage made = TRY(
        make_source_image(std::move(config_text)).within("configuration " + config.digest.text()));
    if (made.image.layers.size() != layers.size()) {
      return input_error("the manifest lists {} layers, and the configuration {}", layers.size(),
                         made.image.layers.size());
    }
    for (const Descriptor& layer : layers) {
      TRY(find_blob(layer));
      made.layers.push_back({bundle_, blob_file(layer.digest), layer.digest,
                             cache::Blob{layer.digest, layer.size, layer.media_type, {}}});
    }
    return made;
  }

  std::shared_ptr<const Bundle> bundle_;
  std::string platform_;
};

} // namespace

Result<SourceContent> read_oci_layout(std::shared_ptr<const Bundle> bundle,
                                      const std::string& reference, const std::string& platform) {
  const Reader reader(std::move(bundle), platform);
  auto offers = group_by_name(TRY(reader.read_top()));
  const auto wanted = parse_full_name(reference);
  if (!reference.empty()) {
    offers = TRY(select(std::move(offers), reference));
  }
  if (offers.empty()) {
    return input_error("{} lists no image", kOciIndex);
  }
  SourceContent content;
  for (const Offer& offer : offers) {
    auto read = reader.read_image(offer).within(offer.label());
    if (!read) {
      content.refused.push_back(std::move(read).error());
      continue;
    }
    SourceImage image = std::move(read).value();
    if (match_platform(image.image.platform, platform) == 0) {
      content.warnings.push_back(platform_warning(offer.label(), image.image.platform, platform));
    }
    if (offer.name && !offer.name->tag.empty()) {
      image.image.names = {offer.name->familiar_tagged()};
    }
    if (wanted && wanted->digest) {
      image.image.digests = {wanted->familiar_digested(*wanted->digest)};
    }
    content.images.push_back(std::move(image));
  }
  return content;
}

} // namespace dind::images
