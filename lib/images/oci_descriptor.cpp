#include <images/oci_descriptor.hpp>

#include <algorithm>
#include <array>

namespace dind::images {
namespace {

constexpr std::size_t kMaxDescriptors = 10'000;

constexpr std::array<std::string_view, 2> kIndexTypes = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
};
constexpr std::array<std::string_view, 2> kManifestTypes = {
    "application/vnd.oci.image.manifest.v1+json",
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

template <std::size_t size>
bool is_one_of(const std::array<std::string_view, size>& known, std::string_view text) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

Result<std::string> parse_platform(const json::object& document) {
  const json::Fields platform(document);
  const std::string os = TRY(platform.text_or("os", ""));
  const std::string architecture = TRY(platform.text_or("architecture", ""));
  const std::string variant = TRY(platform.text_or("variant", ""));
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

} // namespace

Result<Descriptor> parse_descriptor(const json::value& document) {
  const auto fields = TRY(json::Fields::of(document));
  const std::string digest = TRY(fields.text("digest"));
  const std::uint64_t size = TRY(fields.number("size"));
  std::string media_type = TRY(fields.text_or("mediaType", ""));
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
    descriptor.ref_name = TRY(annotations.text_or("org.opencontainers.image.ref.name", ""));
    descriptor.image_name = TRY(annotations.text_or("io.containerd.image.name", ""));
    // BuildKit's provenance and SBOMs travel as manifests of their own.
    descriptor.attestation = annotations.has("vnd.docker.reference.type");
  }
  descriptor.attestation = descriptor.attestation || descriptor.platform == "unknown/unknown";
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
  if (platform == host) {
    return 3;
  }
  if (!platform.starts_with(host) || platform[host.size()] != '/') {
    return 0;
  }
  // The variants that every machine of their kind runs; "amd64/v3" is not one.
  const std::string_view variant = platform.substr(host.size() + 1);
  return variant == "v8" || variant == "v7" ? 2 : 1;
}

Result<Descriptor> choose_platform(const std::vector<Descriptor>& among, std::string_view host) {
  const Descriptor* best = nullptr;
  int best_match = 0;
  std::string others;
  std::vector<const Descriptor*> images;
  for (const Descriptor& descriptor : among) {
    if (descriptor.attestation) {
      continue;
    }
    images.push_back(&descriptor);
    others += (others.empty() ? "" : ", ") +
              (descriptor.platform.empty() ? std::string("one without") : descriptor.platform);
    if (const int match = match_platform(descriptor.platform, host); match > best_match) {
      best = &descriptor;
      best_match = match;
    }
  }
  if (best) {
    return *best;
  }
  if (images.size() == 1) {
    return *images.front();
  }
  if (images.empty()) {
    return input_error("an index without an image");
  }
  return input_error("no image for {}: the platforms are {}", host, others);
}

} // namespace dind::images
