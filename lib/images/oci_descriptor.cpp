#include <images/oci_descriptor.hpp>

#include <cache/manifest.hpp>
#include <cache/media_types.hpp>

#include <algorithm>
#include <array>

namespace dind::images {
namespace {

constexpr std::size_t kMaxDescriptors = 10'000;

constexpr std::array<std::string_view, 2> kIndexTypes = {
    cache::kOciIndexType,
    "application/vnd.docker.distribution.manifest.list.v2+json",
};
constexpr std::array<std::string_view, 2> kManifestTypes = {
    cache::kOciManifestType,
    "application/vnd.docker.distribution.manifest.v2+json",
};
constexpr std::array<std::string_view, 9> kLayerTypes = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
};

constexpr std::array<std::string_view, 2> kConfigTypes = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
};
// What layers of images begin with, of which some cannot be unpacked here.
constexpr std::array<std::string_view, 2> kLayerFamilies = {
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
};

template <std::size_t size>
bool is_one_of(const std::array<std::string_view, size>& known, std::string_view text) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

Result<std::string> parse_platform(const json::object& document) {
  const json::Fields platform(document);
  const std::string os = TRY(platform.text_or_none("os"));
  const std::string architecture = TRY(platform.text_or_none("architecture"));
  const std::string variant = TRY(platform.text_or_none("variant"));
  if (os.empty() && architecture.empty()) {
    return std::string();
  }
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

} // namespace

Result<std::string> media_type_of(const json::Fields& fields) {
  std::string type = TRY(fields.text_or("mediaType", ""));
  return cache::is_media_type(type) ? std::move(type) : std::string();
}

Result<Descriptor> parse_descriptor(const json::value& document) {
  const auto fields = TRY(json::Fields::of(document));
  const std::string digest = TRY(fields.text("digest"));
  const std::uint64_t size = TRY(fields.number("size"));
  std::string media_type = TRY(media_type_of(fields));
  auto parsed = Digest::parse(digest);
  if (!parsed) {
    return std::move(parsed).error();
  }
  Descriptor descriptor{.media_type = std::move(media_type), .digest = *parsed, .size = size};
  if (const auto* const platform = TRY(fields.child_or_none("platform"))) {
    descriptor.platform = TRY(parse_platform(*platform));
  }
  if (const auto* const found = TRY(fields.child_or_none("annotations"))) {
    const json::Fields annotations(*found);
    descriptor.ref_name = TRY(annotations.text_or_none("org.opencontainers.image.ref.name"));
    descriptor.image_name = TRY(annotations.text_or_none("io.containerd.image.name"));
    if (descriptor.image_name.empty()) { // "crane pull --format=oci"
      descriptor.image_name = TRY(annotations.text_or_none("dev.ggcr.image.name"));
    }
    // BuildKit's provenance and SBOMs travel as manifests of their own.
    descriptor.attestation = annotations.has("vnd.docker.reference.type");
  }
  descriptor.attestation = descriptor.attestation || descriptor.platform == "unknown/unknown";
  const std::string artifact_type = TRY(fields.text_or_none("artifactType"));
  descriptor.artifact = !artifact_type.empty() && !is_one_of(kConfigTypes, artifact_type);
  descriptor.elsewhere = !TRY(fields.texts_or_none("urls")).empty();
  return descriptor;
}

Result<std::vector<Descriptor>> parse_descriptors(const json::array& list) {
  if (list.size() > kMaxDescriptors) {
    return input_error("{} descriptors, and at most {} are read", list.size(), kMaxDescriptors);
  }
  std::vector<Descriptor> descriptors;
  for (const json::value& item : list) {
    descriptors.push_back(TRY(parse_descriptor(item)));
  }
  return descriptors;
}

bool is_index(const Descriptor& descriptor) {
  return is_one_of(kIndexTypes, descriptor.media_type);
}

bool is_manifest(const Descriptor& descriptor) {
  return is_one_of(kManifestTypes, descriptor.media_type);
}

bool is_image_config(const Descriptor& config) {
  return config.media_type.empty() || is_one_of(kConfigTypes, config.media_type);
}

bool is_image_layer(const Descriptor& layer) {
  return std::any_of(kLayerFamilies.begin(), kLayerFamilies.end(),
                     [&](std::string_view family) { return layer.media_type.starts_with(family); });
}

Result<void> check_layer_type(const Descriptor& layer) {
  const std::string& type = layer.media_type;
  if (layer.elsewhere || type.find(".foreign.") != std::string::npos) {
    return input_error("layer {} is foreign: its content is kept elsewhere", layer.digest.text());
  }
  if (type.find("encrypted") != std::string::npos) {
    return input_error("layer {} is encrypted", layer.digest.text());
  }
  if (!is_one_of(kLayerTypes, type)) {
    return input_error("layer {} is of the unknown media type \"{}\"", layer.digest.text(), type);
  }
  return {};
}

int match_platform(std::string_view platform, std::string_view host) {
  constexpr int kBest = 100;
  if (platform == host) {
    return kBest;
  }
  if (!platform.starts_with(host) || platform[host.size()] != '/') {
    return 0;
  }
  const std::string_view variant = platform.substr(host.size() + 1);
  // The variants that every machine of their kind runs, ...
  if (variant == "v8" || variant == "v7") {
    return kBest - 1;
  }
  // ... and levels of amd64, of which fewer machines run the higher ones.
  const bool is_level = host == "linux/amd64" && variant.size() == 2 && variant[0] == 'v' &&
                        variant[1] > '0' && variant[1] <= '9';
  return is_level ? kBest - (variant[1] - '0') : 1;
}

Result<Descriptor> choose_platform(const std::vector<Descriptor>& among, std::string_view host) {
  std::vector<const Descriptor*> images;
  for (const Descriptor& descriptor : among) {
    const bool is_new = std::none_of(images.begin(), images.end(), [&](const Descriptor* known) {
      return known->digest == descriptor.digest && known->platform == descriptor.platform;
    });
    if (is_new && !descriptor.attestation) {
      images.push_back(&descriptor);
    }
  }
  if (images.empty()) {
    return input_error("an index without an image");
  }
  const auto* const best = *std::max_element(
      images.begin(), images.end(), [&](const Descriptor* one, const Descriptor* other) {
        return match_platform(one->platform, host) < match_platform(other->platform, host);
      });
  const bool is_one_image = std::all_of(images.begin(), images.end(), [&](const Descriptor* image) {
    return image->digest == best->digest;
  });
  if (is_one_image || match_platform(best->platform, host) > 0) {
    return *best;
  }
  return input_error("no image for {}: the platforms are {}; --platform takes another", host,
                     platforms_of(among));
}

std::string platforms_of(const std::vector<Descriptor>& descriptors) {
  std::string all;
  for (const Descriptor& descriptor : descriptors) {
    if (!descriptor.attestation) {
      all += (all.empty() ? "" : ", ") +
             (descriptor.platform.empty() ? std::string("one without") : descriptor.platform);
    }
  }
  return all;
}

} // namespace dind::images
