#pragma once

#include <base/digest.hpp>
#include <base/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace dind::cache {

// An image reference, normalised as docker does it (github.com/distribution/reference,
// normalize.go): "alpine" is docker.io/library/alpine:latest.
struct Reference {
  std::string domain; // "docker.io", "127.0.0.1:5000"
  std::string path;   // "library/alpine"
  std::string tag;    // "" if there is only a digest
  std::optional<Digest> digest;

  // "docker.io/library/alpine", as the engine records source repositories.
  std::string repository() const { return domain + "/" + path; }
  // "alpine": what docker's repositories.json is keyed by.
  std::string familiar_name() const;
  // "alpine:3.20"; only if there is a tag.
  std::string familiar_tagged() const { return familiar_name() + ":" + tag; }
  // "alpine@sha256:..." for any digest.
  std::string familiar_digested(const Digest& of) const {
    return familiar_name() + "@" + of.text();
  }
};

// A name without a tag and a digest gets "latest". Bounds and grammar are the
// reference package's: lower-case path components, tags of at most 128
// characters, names of at most 255.
Result<Reference> parse_reference(std::string_view text);

} // namespace dind::cache
