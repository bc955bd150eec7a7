#pragma once

#include <images/collection.hpp>

#include <unordered_set>

namespace dind::outer {

// Engines take 125 layers; some are left to builds on top.
inline constexpr std::size_t kMostOuterLayers = 120;

// The inner layers that share an outer one where there is room for `room`: the smallest, whose
// transfer costs least. None where each can have its own.
Result<std::unordered_set<Digest>> choose_shared(const images::Collection& collection,
                                                 std::size_t room);

} // namespace dind::outer
