#pragma once

#include <sys/id_map.hpp>

#include <optional>

namespace dind::store {

// Whose the files of layers are. With either, overlay2 is the only driver, and nothing can be
// borrowed.
struct Users {
  // They get the owners that the map has for theirs, as an engine with userns-remap gives them.
  // The data root is then that engine's own, below the one that is named to it.
  std::optional<sys::IdMap> shift = {};
  // This process and the engine are in a user namespace: overlayfs' marks are attributes named
  // user.*, and devices, which the kernel lets no process there make, are left out as the engine
  // does. Layers can only be unpacked: an owner without an ID there shows as the overflow ID.
  bool in_namespace = false;
};

} // namespace dind::store
