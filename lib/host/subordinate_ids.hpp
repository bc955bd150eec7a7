#pragma once

#include <base/result.hpp>
#include <sys/id_map.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace dind::host {

// The account files of an image, as text (sys/accounts.hpp).
struct Accounts {
  std::string passwd;
  std::string subuid;
  std::string subgid;
};
Accounts read_accounts();

// What dockerd does with --userns-remap.
struct Remapping {
  std::string dir;               // below its data root, where it has its data: "100000.100000"
  std::optional<sys::IdMap> ids; // of containers; absent for root, who is mapped to himself

  std::uint32_t group() const { return ids ? ids->root_group() : 0; }
  bool operator==(const Remapping&) const = default;
};

// With --userns-remap=`user`: "default" (which means dockremap), or a name or number, alone or with
// ":GROUP" (moby daemon/daemon_unix.go, parseRemappedRoot and setupDaemonRoot; pkg/idtools).
// nullopt for "". An error where that is not known: no such user, no ranges, or lines for both name
// and number, of which engines make different maps.
Result<std::optional<Remapping>> find_remapping(std::string_view user, const Accounts& accounts);

} // namespace dind::host
