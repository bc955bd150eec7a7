#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <seed/plan.hpp>
#include <seed/receipt.hpp>
#include <store/image_metadata.hpp>
#include <store/state.hpp>
#include <store/storage_driver.hpp>

#include <string>

namespace dind::seed {

// A data root that dockerd does not use at the time.
struct Clearing {
  const SeedPlan& plan;
  const store::DriverState& state;
  const Receipt& receipt; // of earlier boots
};

// Removes what the plan says that goes, and what a killed seeding left of layers without a record.
// Wrong files first, whatever comes after; then names, so that dockerd never has a name without its
// image; one that is killed goes on the next time. Returns the receipt without what has gone, with
// the boot ID that it had.
Result<Receipt> clear(const Clearing& what, store::StorageDriver& driver,
                      store::ImageMetadata& metadata, const Fd& own_dir);

// The same for a plan that makes no layers, with the layout of the named driver; writes the
// receipt.
Result<Receipt> clear_data_root(const Clearing& what, const std::string& driver,
                                const Fd& data_root);

} // namespace dind::seed
