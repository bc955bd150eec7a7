#include <images/docker_archive.hpp>

#include <archive/member_path.hpp>
#include <cache/reference.hpp>
#include <images/image_config.hpp>
#include <images/oci_descriptor.hpp>
#include <images/oci_layout.hpp>

#include <algorithm>

namespace dind::images {
namespace {

// The digest that a member's name promises: "<hex>.json", "blobs/sha256/<hex>",
// "sha256:<hex>". The old layout's "<hex>/layer.tar" is named for something else.
std::optional<Digest> promised_digest(const std::string& file) {
  std::string_view name = file;
  name.remove_prefix(std::min(name.find_last_of("/:") + 1, name.size()));
  if (name.ends_with(".json")) {
    name.remove_suffix(5);
  }
  auto digest = Digest::from_hex(name);
  return digest ? std::optional(std::move(digest).value()) : std::nullopt;
}

// Docker's manifest.json keeps descriptors only of layers that came with one.
Result<void> refuse_foreign_layers(const json::Fields& item) {
  const json::object* const sources = TRY(item.child_or_none("LayerSources"));
  if (!sources) {
    return {};
  }
  for (const auto& [diff_id, document] : *sources) {
    const Descriptor layer = TRY(parse_descriptor(document));
    if (layer.elsewhere) {
      TRY(check_layer_type(layer));
    }
  }
  return {};
}

Result<std::vector<std::string>> read_names(const json::Fields& item) {
  std::vector<std::string> names;
  for (const std::string& tag : TRY(item.texts_or_none("RepoTags"))) {
    const cache::Reference name = TRY(cache::parse_reference(tag));
    if (name.tag.empty()) {
      return input_error("\"{}\" has no tag", tag);
    }
    names.push_back(name.familiar_tagged());
  }
  return names;
}

Result<SourceImage> read_item(const std::shared_ptr<const Bundle>& bundle,
                              const json::value& document, const std::string& platform) {
  const auto item = TRY(json::Fields::of(document));
  TRY(refuse_foreign_layers(item));
  // An engine joins the names to a directory's, so that "./a" is "a".
  const std::string config_file = archive::lexically_clean(TRY(item.text("Config")));
  const auto promised = promised_digest(config_file);
  std::string config = promised ? TRY(read_verified(*bundle, config_file, *promised))
                                : TRY(bundle->read_document(config_file));
  SourceImage made = TRY(make_source_image(std::move(config), platform).within(config_file));
  made.image.names = TRY(read_names(item));
  if (const std::string parent = TRY(item.text_or_none("Parent")); !parent.empty()) {
    made.image.parent = TRY(Digest::parse(parent));
  }
  const auto files = TRY(item.texts_or_none("Layers"));
  if (files.size() != made.image.layers.size()) {
    return input_error("{}: {} lists {} layers, and the configuration {}", config_file,
                       kDockerManifest, files.size(), made.image.layers.size());
  }
  for (const std::string& name : files) {
    const std::string file = archive::lexically_clean(name);
    TRY(bundle->find(file));
    const bool is_blob = file.starts_with("blobs/sha256/");
    made.layers.push_back({bundle, file, is_blob ? promised_digest(file) : std::nullopt, {}});
  }
  return made;
}

// Whether `reference` means this image; its other names are dropped then.
bool select(SourceImage& made, const std::string& reference) {
  if (made.image.id.text() == reference) {
    return true;
  }
  const auto wanted = cache::parse_reference(reference);
  auto& names = made.image.names;
  if (!wanted || wanted->tag.empty() ||
      std::find(names.begin(), names.end(), wanted->familiar_tagged()) == names.end()) {
    return false;
  }
  names = {wanted->familiar_tagged()};
  return true;
}

// An engine with the containerd store saves what it pulled, digests included;
// one with a graph driver invents manifests of uncompressed layers, which no
// registry has.
bool is_from_registry(const SourceImage& image) {
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    if (image.layers[i].stored_digest != image.image.layers[i]) {
      return true;
    }
  }
  return false;
}

void adopt_digests(SourceContent& content, const std::shared_ptr<const Bundle>& bundle,
                   const std::string& platform) {
  // What the index says of images is said again for the images themselves.
  const auto described = read_oci_layout(bundle, "", platform);
  if (!described || !described->refused.empty()) {
    const Error& why = described ? described->refused.front() : described.error();
    content.warnings.push_back(fmt::format(
        "{} is not used, so digests of manifests are not known: {}", kOciIndex, why.describe()));
  }
  if (!described) {
    return;
  }
  for (SourceImage& image : content.images) {
    for (const SourceImage& known : described->images) {
      if (known.image.id == image.image.id && is_from_registry(known)) {
        image.image.manifest = known.image.manifest;
        image.image.index = known.image.index;
        image.layers = known.layers;
        image.documents = known.documents;
      }
    }
  }
}

// How manifest.json names an image, whatever is wrong with the image.
struct Label {
  std::vector<std::string> names;
  std::string config_file;

  std::string text() const {
    return !names.empty() ? names.front() : config_file.empty() ? kDockerManifest : config_file;
  }
};
Label label_of(const json::value& document) {
  Label label;
  if (const auto item = json::Fields::of(document)) {
    if (auto names = read_names(*item)) {
      label.names = std::move(names).value();
    }
    if (auto file = item->text("Config")) {
      label.config_file = std::move(file).value();
    }
  }
  return label;
}

// Whether `reference` means an image of which no more is known than its label.
bool is_meant(const Label& label, const std::string& reference) {
  const auto id = promised_digest(label.config_file);
  if (reference.empty() || (id && id->text() == reference)) {
    return true;
  }
  const auto wanted = cache::parse_reference(reference);
  return wanted && !wanted->tag.empty() &&
         std::find(label.names.begin(), label.names.end(), wanted->familiar_tagged()) !=
             label.names.end();
}

std::string names_of(const std::vector<SourceImage>& images) {
  std::string all;
  for (const SourceImage& image : images) {
    for (const std::string& name : image.image.names) {
      all += (all.empty() ? "" : ", ") + name;
    }
  }
  return all.empty() ? "none with a name" : all;
}

} // namespace

Result<SourceContent> read_docker_archive(std::shared_ptr<const Bundle> bundle,
                                          const std::string& reference,
                                          const std::string& platform) {
  const std::string text = TRY(bundle->read_document(kDockerManifest));
  const json::value document = TRY(json::parse(text).within(kDockerManifest));
  const json::array* const items = document.if_array();
  if (!items || items->size() > cache::kMaxImages) {
    return input_error("{}: not a list of at most {} images", kDockerManifest, cache::kMaxImages);
  }
  SourceContent content;
  std::vector<SourceImage> others;
  for (const json::value& item : *items) {
    auto image = read_item(bundle, item, platform);
    if (image) {
      const bool wanted = reference.empty() || select(*image, reference);
      (wanted ? content.images : others).push_back(std::move(image).value());
    } else if (const Label label = label_of(item); is_meant(label, reference)) {
      content.refused.push_back(std::move(image).error().within(label.text()));
    }
  }
  if (content.images.empty() && content.refused.empty()) {
    return reference.empty() ? input_error("{} lists no image", kDockerManifest)
                             : input_error("no image {}: there is {}", reference, names_of(others));
  }
  if (bundle->has(kOciIndex)) {
    adopt_digests(content, bundle, platform);
  }
  for (const SourceImage& image : content.images) {
    const auto& names = image.image.names;
    const std::string label = names.empty() ? image.image.id.text() : names.front();
    if (auto remark = platform_remark(label, image, platform)) {
      content.warnings.push_back(std::move(*remark));
    }
  }
  return content;
}

} // namespace dind::images
