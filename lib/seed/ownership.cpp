#include <seed/ownership.hpp>

#include <cache/manifest.hpp>

#include <algorithm>

namespace dind::seed {

void add_chain(const std::map<Digest, store::PresentLayer>& layers, std::optional<Digest> chain_id,
               std::set<Digest>& into) {
  while (chain_id && into.insert(*chain_id).second) {
    const auto layer = layers.find(*chain_id);
    chain_id = layer == layers.end() ? std::nullopt : layer->second.parent;
  }
}

std::optional<Digest> top_of(const std::vector<Digest>& diff_ids) {
  const auto chain = cache::chain_ids(diff_ids);
  return chain.empty() ? std::nullopt : std::optional(chain.back());
}

std::map<Digest, std::vector<std::string>> names_by_image(const store::DriverState& state) {
  std::map<Digest, std::vector<std::string>> names;
  for (const auto& [name, id] : state.references) {
    names[id].push_back(name);
  }
  return names;
}

bool is_the_caches(const Digest& id, const std::vector<std::string>& names,
                   const Receipt& receipt) {
  const auto seeded = receipt.images.find(id);
  return seeded != receipt.images.end() &&
         std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return seeded->second.contains(name); });
}

} // namespace dind::seed
