#include <outer/shared_layers.hpp>

#include <algorithm>

namespace dind::outer {

Result<std::unordered_set<Digest>> choose_shared(const images::Collection& collection,
                                                 std::size_t room) {
  std::vector<std::pair<std::uint64_t, Digest>> sizes;
  for (const images::PlannedLayer& layer : collection.layers()) {
    const images::LayerOrigin& origin = layer.origins.front();
    sizes.emplace_back(TRY(origin.bundle->find(origin.file)).size, layer.diff_id);
  }
  std::unordered_set<Digest> shared;
  if (sizes.size() > room) {
    std::sort(sizes.begin(), sizes.end());
    for (std::size_t i = 0; i < sizes.size() - (room - 1); ++i) {
      shared.insert(sizes[i].second);
    }
  }
  return shared;
}

} // namespace dind::outer
