#pragma once

#include <cache/manifest.hpp>

#include <string>
#include <utility>
#include <vector>

namespace dind::outer {

// The labels of an outer image: what was baked, what DIND_CACHE_DIGEST can be set to, and, as far
// as it is known, the base. Pure.
//
// An image is NAME@DIGEST where a digest is known that a registry has, that of an index before that
// of a manifest; NAME,id=ID where only its ID is, by which it cannot be pulled.
std::vector<std::pair<std::string, std::string>> make_labels(const cache::Manifest& manifest,
                                                             const cache::Image& base);

} // namespace dind::outer
