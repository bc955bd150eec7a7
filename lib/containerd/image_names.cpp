#include <containerd/image_names.hpp>

#include <cache/reference.hpp>

#include <algorithm>
#include <map>

namespace dind::containerd {
namespace {

// What a blob refers to, by label.
std::map<std::string, Digest> content_of(const State& state, const Digest& digest) {
  std::map<std::string, Digest> content;
  const auto blob = state.blobs.find(digest);
  if (blob == state.blobs.end()) {
    return content;
  }
  for (const auto& [label, value] : blob->second.labels) {
    if (const auto referred = Digest::parse(label.starts_with(kContentLabel) ? value : "")) {
      content.emplace(label, *referred);
    }
  }
  return content;
}

// Only the configuration of an image that is unpacked.
bool keeps_snapshot(const State& state, const Digest& digest) {
  const auto blob = state.blobs.find(digest);
  return blob != state.blobs.end() && blob->second.labels.contains(kSnapshotLabel);
}

std::optional<Digest> config_of(const State& state, const Digest& manifest) {
  const auto content = content_of(state, manifest);
  if (const auto config = content.find(kConfigLabel); config != content.end()) {
    return config->second;
  }
  const auto config = std::find_if(content.begin(), content.end(), [&](const auto& referred) {
    return keeps_snapshot(state, referred.second);
  });
  return config == content.end() ? std::nullopt : std::optional(config->second);
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
  for (const auto& [label, manifest] : content_of(state, *digest)) {
    if (const auto id = config_of(state, manifest)) {
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
