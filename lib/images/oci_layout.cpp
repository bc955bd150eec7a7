#include <images/oci_layout.hpp>

#include <cache/media_types.hpp>
#include <cache/reference.hpp>
#include <images/image_config.hpp>
#include <images/oci_descriptor.hpp>

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace dind::images {
namespace {

constexpr int kMaxNesting = 4;            // of indexes
constexpr std::uint64_t kEmptyConfig = 2; // "{}", which artifacts have

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

bool is_no_image(const Descriptor& descriptor) {
  return descriptor.attestation || descriptor.artifact;
}

std::vector<Offer> group_by_name(const std::vector<Descriptor>& descriptors) {
  std::vector<Offer> offers;
  std::map<std::pair<std::string, std::string>, std::size_t> known;
  for (const Descriptor& descriptor : descriptors) {
    if (is_no_image(descriptor)) {
      continue;
    }
    const bool named = !descriptor.ref_name.empty() || !descriptor.image_name.empty();
    const auto key = named ? std::pair(descriptor.image_name, descriptor.ref_name)
                           : std::pair(std::string(), descriptor.digest.text());
    if (const auto found = known.find(key); found != known.end()) {
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

// What is listed among images, and why it is none.
struct NoImage {
  std::string why;
};
using Found = std::variant<SourceImage, NoImage>;

class Reader {
public:
  Reader(std::shared_ptr<const Bundle> bundle, std::string platform)
      : bundle_(std::move(bundle)), platform_(std::move(platform)) {}

  Result<std::vector<Descriptor>> read_top() const {
    const std::string text = TRY(bundle_->read_document(kOciIndex));
    const json::value document = TRY(json::parse(text).within(kOciIndex));
    return parse_index(document).within(kOciIndex);
  }

  // Follows indexes down to the manifest for the platform.
  Result<Found> read(const Offer& offer) const {
    std::vector<Descriptor> choices = offer.descriptors;
    std::optional<Digest> index;
    std::vector<SourceDocument> documents;
    for (int nesting = 0; nesting < kMaxNesting; ++nesting) {
      choices = images_among(std::move(choices));
      if (choices.empty()) {
        return Found(NoImage{"an index without an image"});
      }
      const Descriptor at = TRY(choose(choices));
      std::string text = TRY(read_blob(at));
      const json::value document = TRY(json::parse(text).within(blob_file(at.digest)));
      documents.push_back({facts_of(at, document), std::move(text)});
      if (!is_index(at, document)) {
        auto found = TRY(read_manifest(at, document).within(at.digest.text()));
        if (auto* const made = std::get_if<SourceImage>(&found)) {
          made->image.manifest = at.digest;
          made->image.index = index;
          made->documents = std::move(documents);
          made->listed_platform = at.platform;
        }
        return found;
      }
      if (!index) {
        index = at.digest;
      }
      choices = TRY(parse_index(document).within(at.digest.text()));
    }
    return input_error("more than {} indexes within each other", kMaxNesting);
  }

private:
  static Result<std::vector<Descriptor>> parse_index(const json::value& document) {
    const auto fields = TRY(json::Fields::of(document));
    const json::array* const manifests = TRY(fields.list("manifests"));
    return parse_descriptors(*manifests);
  }

  // Those that may be images. Where there are several, one that does not say its platform has that
  // of its configuration.
  std::vector<Descriptor> images_among(std::vector<Descriptor> listed) const {
    std::erase_if(listed, is_no_image);
    if (listed.size() < 2) {
      return listed;
    }
    std::vector<Descriptor> images;
    for (Descriptor& descriptor : listed) {
      const auto found = descriptor.platform.empty() ? look_at(descriptor) : std::nullopt;
      if (found && std::holds_alternative<NoImage>(*found)) {
        continue;
      }
      if (found) {
        descriptor.platform = std::get<SourceImage>(*found).image.platform;
      }
      images.push_back(std::move(descriptor));
    }
    return images;
  }

  // What a manifest is, if it can be read.
  std::optional<Found> look_at(const Descriptor& descriptor) const {
    const auto text = read_blob(descriptor);
    const auto document = text ? json::parse(*text) : Result<json::value>(text.error());
    if (!document || is_index(descriptor, *document)) {
      return std::nullopt;
    }
    auto found = read_manifest(descriptor, *document);
    return found ? std::optional(std::move(found).value()) : std::nullopt;
  }

  // A layout may list platforms of which it holds nothing.
  Result<Descriptor> choose(const std::vector<Descriptor>& images) const {
    std::vector<Descriptor> here;
    std::copy_if(images.begin(), images.end(), std::back_inserter(here),
                 [this](const Descriptor& image) { return bundle_->has(blob_file(image.digest)); });
    if (here.empty() || here.size() == images.size()) {
      return choose_platform(images, platform_);
    }
    Descriptor chosen = TRY(choose_platform(here, platform_));
    if (match_platform(chosen.platform, platform_) == 0) {
      return input_error("no image for {} is in it, only for {}; --platform takes another",
                         platform_, platforms_of(here));
    }
    return chosen;
  }

  // A descriptor need not say the media type, nor does a document of OCI.
  static cache::Document facts_of(const Descriptor& at, const json::value& document) {
    std::string type = at.media_type;
    if (const auto fields = json::Fields::of(document); type.empty() && fields) {
      auto own = media_type_of(*fields);
      type = own ? std::move(own).value() : type;
    }
    if (type.empty()) {
      type = is_index(at, document) ? cache::kOciIndexType : cache::kOciManifestType;
    }
    return {at.digest, at.size, std::move(type)};
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

  Result<Found> read_manifest(const Descriptor& self, const json::value& document) const {
    const auto fields = TRY(json::Fields::of(document));
    if (TRY(fields.number_or("schemaVersion", 2)) != 2 || fields.has("fsLayers")) {
      return input_error("a manifest of schema 1, which engines no longer take");
    }
    if (!self.media_type.empty() && !is_manifest(self)) {
      return Found(NoImage{fmt::format("of the media type \"{}\"", self.media_type)});
    }
    // null is how Go prints a list that was never filled.
    const json::array* const layer_list = TRY(fields.list_or_none("layers"));
    const auto layers =
        layer_list ? TRY(parse_descriptors(*layer_list)) : std::vector<Descriptor>();
    const json::object* const config_document = TRY(fields.child("config"));
    const Descriptor config = TRY(parse_descriptor(*config_document));
    if (!is_image_config(config)) {
      return Found(
          NoImage{fmt::format("its configuration is of the media type \"{}\"", config.media_type)});
    }
    if (config.size <= kEmptyConfig) {
      return Found(NoImage{"its configuration is empty"});
    }
    if (!layers.empty() && std::none_of(layers.begin(), layers.end(), is_image_layer)) {
      return Found(
          NoImage{fmt::format("its content is of the media type \"{}\"", layers[0].media_type)});
    }
    return read_image(config, layers);
  }

  Result<Found> read_image(const Descriptor& config, const std::vector<Descriptor>& layers) const {
    for (const Descriptor& layer : layers) {
      TRY(check_layer_type(layer));
    }
    std::string config_text = TRY(read_blob(config));
    SourceImage made = TRY(make_source_image(std::move(config_text), platform_)
                               .within("configuration " + config.digest.text()));
    if (made.image.layers.size() != layers.size()) {
      return input_error("the manifest lists {} layers, and the configuration {}", layers.size(),
                         made.image.layers.size());
    }
    for (const Descriptor& layer : layers) {
      TRY(find_blob(layer));
      made.layers.push_back({bundle_, blob_file(layer.digest), layer.digest,
                             cache::Blob{layer.digest, layer.size, layer.media_type, {}}});
    }
    return Found(std::move(made));
  }

  std::shared_ptr<const Bundle> bundle_;
  std::string platform_;
};

SourceImage named(SourceImage made, const Offer& offer,
                  const std::optional<cache::Reference>& wanted) {
  if (offer.name && !offer.name->tag.empty()) {
    made.image.names = {offer.name->familiar_tagged()};
  }
  if (wanted && wanted->digest) {
    made.image.digests = {wanted->familiar_digested(*wanted->digest)};
  }
  return made;
}

} // namespace

Result<SourceContent> read_oci_layout(std::shared_ptr<const Bundle> bundle,
                                      const std::string& reference, const std::string& platform) {
  const Reader reader(std::move(bundle), platform);
  const auto listed = TRY(reader.read_top());
  auto offers = group_by_name(listed);
  std::vector<std::string> passed_over;
  if (reference.empty()) {
    for (const Descriptor& descriptor : listed) {
      if (is_no_image(descriptor)) {
        passed_over.push_back(
            fmt::format("{} is no image, but {}", descriptor.digest.text(),
                        descriptor.attestation ? "an attestation" : "an artifact"));
      }
    }
  } else {
    offers = TRY(select(std::move(offers), reference));
  }
  SourceContent content;
  for (const Offer& offer : offers) {
    auto found = reader.read(offer);
    if (!found) {
      content.refused.push_back(std::move(found).error().within(offer.label()));
    } else if (const auto* const other = std::get_if<NoImage>(&*found)) {
      passed_over.push_back(fmt::format("{} is no image: {}", offer.label(), other->why));
    } else {
      content.images.push_back(
          named(std::get<SourceImage>(std::move(*found)), offer, parse_full_name(reference)));
      if (auto remark = platform_remark(offer.label(), content.images.back(), platform)) {
        content.warnings.push_back(std::move(*remark));
      }
    }
  }
  if (content.images.empty() && content.refused.empty()) {
    return input_error("{} lists no image{}{}", kOciIndex, passed_over.empty() ? "" : ": ",
                       fmt::join(passed_over, "; "));
  }
  for (const std::string& line : passed_over) {
    content.warnings.push_back(line + "; it is passed over");
  }
  return content;
}

} // namespace dind::images
