#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <store/storage_driver.hpp>
#include <store/users.hpp>

#include <memory>
#include <string_view>

namespace dind::store {

// Where layers and records are made, empty: what a killed boot left may be what fills the volume,
// and what cannot be removed is in the way of nothing else. It stays for good, so that on a full
// volume there is still a place to remove things to.
Result<Fd> open_staging(const Fd& data_root);

// The driver of that name below `data_root`, with its folders made. EOPNOTSUPP for
// one that layers can only be loaded into.
Result<std::unique_ptr<StorageDriver>> open_driver(const Fd& data_root, std::string_view name,
                                                   const Users& users = {});

} // namespace dind::store
