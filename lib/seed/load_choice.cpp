#include <seed/load_choice.hpp>

#include <optional>

namespace dind::seed {
namespace {

std::optional<Digest> owner_of(const EngineImages& engine, const std::string& name) {
  for (const auto& [id, names] : engine.names) {
    if (names.contains(name)) {
      return id;
    }
  }
  return std::nullopt;
}

bool was_given(const Receipt& receipt, const Digest& id, const std::string& name) {
  const auto image = receipt.images.find(id);
  return image != receipt.images.end() && image->second.contains(name);
}

} // namespace

LoadChoice choose_load(const cache::Image& image, const EngineImages& engine,
                       const Receipt& receipt) {
  LoadChoice choice;
  for (const std::string& name : image.names) {
    const auto owner = owner_of(engine, name);
    if (!owner) {
      choice.tags.push_back(name);
    } else if (engine.by_manifest
                   ? was_given(receipt, *owner, name) && was_given(receipt, image.id, name)
                   : *owner == image.id) {
      continue;
    } else if (was_given(receipt, *owner, name)) {
      choice.tags.push_back(name);
    } else {
      choice.withheld.push_back(name);
    }
  }
  // Without a name of its own to go by, an image of the containerd store is what has its names.
  const bool is_there = engine.by_manifest ? !image.names.empty() : engine.names.contains(image.id);
  choice.present = is_there && choice.tags.empty();
  return choice;
}

void note_load(const Digest& image, const Digest& engine_id, const std::vector<std::string>& tags,
               Receipt& receipt) {
  for (auto& [id, names] : receipt.images) {
    for (const std::string& tag : tags) {
      names.erase(tag);
    }
  }
  for (const Digest& id : {image, engine_id}) {
    receipt.images[id].insert(tags.begin(), tags.end());
  }
}

} // namespace dind::seed
