#pragma once

#include <cache/reader.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::cache {

// What verification found wrong. `path` is relative to the cache.
struct Flaw {
  std::string path;
  std::string what;
};

// Called as layers are done, by one thread at a time. May be empty.
using VerifyProgress = std::function<void(std::size_t layers_done, std::size_t layers_in_all)>;

// Proves that a cache is whole: every configuration hashes to its image's ID, every document and
// every blob that is carried to its digest;
// every layer's tar, made again from tree and tar-split, hashes to its diff ID;
// owners, modes, links, capabilities and times (whole seconds) of the tree are those of the
// headers; the tree holds nothing else; the skeleton says what the tar says; the
// canary is whole. Returns the flaws, the first one of each layer, none if the cache is good.
// An error means that the question could not be answered.
Result<std::vector<Flaw>> verify(const Cache& cache, const VerifyProgress& progress);

} // namespace dind::cache
