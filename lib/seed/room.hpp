#pragma once

#include <cache/manifest.hpp>
#include <seed/seed_plan.hpp>

#include <cstdint>
#include <string>

namespace dind::seed {

// What a layer takes in the data root, roughly and rather too much: for the
// question of room alone. In the containerd store a layer with files of its own has its tar, too.
struct Room {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};

Room cost_of(Method method, const cache::Layer& layer, const std::string& driver);

} // namespace dind::seed
