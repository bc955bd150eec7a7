#pragma once

#include <base/digest.hpp>
#include <containerd/state.hpp>

#include <optional>
#include <string>

namespace dind::containerd {

// containerd's own, of manifests and indexes that it parses.
inline constexpr std::size_t kManifestLimit = 4U << 20U; // bytes

// By which containerd's collection follows what a blob refers to. A pull and a load write these;
// what dockerd commits and BuildKit builds has numbers alone after the prefix.
inline constexpr const char* kContentLabel = "containerd.io/gc.ref.content.";
inline constexpr const char* kConfigLabel = "containerd.io/gc.ref.content.config";
inline constexpr const char* kLayerLabel = "containerd.io/gc.ref.content.l."; // and a number
inline constexpr const char* kManifestLabel = "containerd.io/gc.ref.content.m.";
inline constexpr const char* kSnapshotLabel = "containerd.io/gc.ref.snapshot.overlayfs";
// Of a compressed layer: its diff ID, and the repositories that have it, after a registry's name.
inline constexpr const char* kUncompressedLabel = "containerd.io/uncompressed";
inline constexpr const char* kSourceLabel = "containerd.io/distribution.source.";

// The ID that graph drivers give to an image, the digest of its configuration, by its target: a
// manifest, or an index, of whose manifests the first one counts that is there.
std::optional<Digest> image_id_of(const State& state, const std::string& target);

// "docker.io/library/alpine:3.20" of "alpine:3.20", and back; nothing for what is no reference.
std::optional<std::string> full_name(const std::string& familiar);
std::optional<std::string> familiar_name(const std::string& full);

} // namespace dind::containerd
