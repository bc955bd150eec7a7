#pragma once

#include <base/result.hpp>
#include <sys/id_map.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace dind::host {

// The accounts of an image, as text: no NSS in a static program. A file that is missing is empty.
struct Accounts {
  std::string passwd;
  std::string subuid;
  std::string subgid;
};
Accounts read_accounts();

// The IDs that dockerd gives its containers with --userns-remap=`user`: "default" (which means
// dockremap), or a name or number, alone or with ":GROUP" (moby daemon/daemon_unix.go,
// parseRemappedRoot; pkg/idtools). nullopt for "" and for root, who is mapped to himself. An error
// where that is not known: no such user, no ranges, or lines for both name and number, of which
// engines make different maps.
Result<std::optional<sys::IdMap>> remapped_ids(std::string_view user, const Accounts& accounts);

// Where an engine that maps IDs has its data, below its data root: "100000.100000"
// (daemon_unix.go, setupDaemonRoot).
std::string remapped_dir(const sys::IdMap& ids);

} // namespace dind::host
