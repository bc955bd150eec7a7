#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <store/image_metadata.hpp>
#include <store/storage_driver.hpp>
#include <store/users.hpp>

#include <memory>
#include <string>

namespace dind::seed {

// What a storage driver keeps in a data root: the layers, and what dockerd knows of them.
struct Store {
  std::unique_ptr<store::StorageDriver> driver;
  std::unique_ptr<store::ImageMetadata> metadata;
};

// That of the named driver below `data_root`, with its folders made. EOPNOTSUPP for one that layers
// can only be loaded into.
Result<Store> open_store(const Fd& data_root, const std::string& driver,
                         const store::Users& users = {});

} // namespace dind::seed
