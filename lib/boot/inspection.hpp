#pragma once

#include <base/result.hpp>
#include <boot/caches.hpp>
#include <boot/data_root.hpp>
#include <host/facts.hpp>
#include <seed/receipt.hpp>
#include <store/state.hpp>
#include <config/settings.hpp>

#include <string>

namespace dind::boot {

// What was seen of a data root and of what the host can do with it.
struct Inspection {
  store::StoreState state;
  host::HostFacts facts; // the defaults where there is nothing to be decided
  seed::Receipt receipt;
  std::string boot_id; // of the kernel, for the next receipt
};

Result<Inspection> inspect(const DataRoot& root, const Caches& caches,
                           const config::Settings& settings);

} // namespace dind::boot
