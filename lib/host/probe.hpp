#pragma once

#include <base/result.hpp>
#include <host/facts.hpp>
#include <sys/id_map.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dind::host {

// What to find out about.
struct ProbeRequest {
  // Below the data root and on its filesystem, "." for itself; must exist.
  std::string scratch_parent;
  // Directories, one inside each cache, with at least one file that is not empty.
  std::vector<std::string> samples;
  // Drivers that settings or the data root name: they are probed even where overlay2 would do.
  std::vector<std::string> named_drivers;
  // What files' owners are shifted by. Then nothing of a cache can be borrowed or linked.
  std::optional<sys::IdMap> ids;
  bool everything = false; // probe what no choice needs as well
};

// Finds out what this host supports, each by doing it for real in a scratch
// directory and undoing it. Where an overlay can be mounted, nothing dearer than that is
// tried: fuse-overlayfs, btrfs and loop are for hosts that refuse it, and for who asks.
// A refusal is a fact; the error is of a data root that cannot even be looked at.
Result<HostFacts> probe(const Fd& data_root, const ProbeRequest& request);

} // namespace dind::host
