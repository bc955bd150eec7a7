#pragma once

#include <seed/receipt.hpp>
#include <store/state.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dind::seed {

// Whose images are, and what they stand on.

// A layer and everything below it, as far as the data root knows.
void add_chain(const std::map<Digest, store::PresentLayer>& layers, std::optional<Digest> chain_id,
               std::set<Digest>& into);

// The chain ID of an image's top layer.
std::optional<Digest> top_of(const std::vector<Digest>& diff_ids);

// The names of each image, as the engine has them.
std::map<Digest, std::vector<std::string>> names_by_image(const store::DriverState& state);

// An image that seeding made, and that has no name but those it gave.
bool is_the_caches(const Digest& id, const std::vector<std::string>& names, const Receipt& receipt);

} // namespace dind::seed
