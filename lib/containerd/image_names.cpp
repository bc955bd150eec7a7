#include <containerd/image_names.hpp>

#include <cache/reference.hpp>

namespace dind::containerd {
namespace {

std::optional<Digest> config_of(const State& state, const Digest& manifest) {
  const auto blob = state.blobs.find(manifest);
  if (blob == state.blobs.end()) {
    return std::nullopt;
  }
  const auto label = blob->second.labels.find(kConfigLabel);
  const auto id = Digest::parse(label == blob->second.labels.end() ? "" : label->second);
  return id ? std::optional(*id) : std::nullopt;
}

} // namespace

std::optional<Digest> image_id_of(const State& state, const std::string& target) {
  const auto digest = Digest::parse(target);
  if (!digest) {
    return std::nullopt;
  }
  if (const auto id = config_of(state, *digest)) {
    return id;
  }
  const auto index = state.blobs.find(*digest);
  if (index == state.blobs.end()) {
    return std::nullopt;
  }
  for (const auto& [label, value] : index->second.labels) {
    const auto manifest = Digest::parse(label.starts_with(kManifestLabel) ? value : "");
    if (const auto id = manifest ? config_of(state, *manifest) : std::nullopt) {
      return id;
    }
  }
  return std::nullopt;
}

std::optional<std::string> full_name(const std::string& familiar) {
  const auto reference = cache::parse_reference(familiar);
  if (!reference) {
    return std::nullopt;
  }
  return reference->digest ? reference->repository() + "@" + reference->digest->text()
                           : reference->repository() + ":" + reference->tag;
}

std::optional<std::string> familiar_name(const std::string& full) {
  const auto reference = cache::parse_reference(full);
  if (!reference) {
    return std::nullopt;
  }
  return reference->digest ? reference->familiar_digested(*reference->digest)
                           : reference->familiar_tagged();
}

} // namespace dind::containerd
