#include <outer/outer_labels.hpp>

#include <archive/sha256.hpp>
#include <cache/reference.hpp>

#include <fmt/format.h>

#include <optional>

namespace dind::outer {
namespace {

// "alpine@sha256:..." of those that an engine knows, of the same repository.
std::optional<Digest> engine_digest(const cache::Image& image) {
  const auto name =
      image.names.empty() ? std::nullopt : std::optional(cache::parse_reference(image.names[0]));
  for (const std::string& text : image.digests) {
    const auto known = cache::parse_reference(text);
    if (known && known->digest &&
        (!name || (*name && (*name)->repository() == known->repository()))) {
      return known->digest;
    }
  }
  return std::nullopt;
}

std::optional<Digest> registry_digest(const cache::Image& image) {
  return image.index ? image.index : image.manifest ? image.manifest : engine_digest(image);
}

std::string describe(const cache::Image& image) {
  const std::string name = image.names.empty() ? "" : image.names.front();
  if (const auto digest = registry_digest(image)) {
    return fmt::format("{}{}{}", name, name.empty() ? "" : "@", digest->text());
  }
  return fmt::format("{}{}id={}", name, name.empty() ? "" : ",", image.id.text());
}

} // namespace

std::vector<std::pair<std::string, std::string>> make_labels(const cache::Manifest& manifest,
                                                             const cache::Image& base) {
  std::string images;
  for (const cache::Image& image : manifest.images) {
    images += (images.empty() ? "" : " ") + describe(image);
  }
  std::vector<std::pair<std::string, std::string>> labels = {
      {"dind-init.images", images},
      {"dind-init.cache", archive::sha256_of(cache::print_manifest(manifest)).text()}};
  if (!base.names.empty()) {
    labels.emplace_back("org.opencontainers.image.base.name", base.names.front());
  }
  if (const auto digest = base.manifest ? base.manifest : engine_digest(base)) {
    labels.emplace_back("org.opencontainers.image.base.digest", digest->text());
  }
  return labels;
}

} // namespace dind::outer
