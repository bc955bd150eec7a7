#include <seed/open_store.hpp>

#include <store/graph_metadata.hpp>
#include <store/layout.hpp>
#include <store/open_driver.hpp>
#include <containerd/image_records.hpp>
#include <containerd/pending_changes.hpp>
#include <containerd/snapshot_driver.hpp>

#include <utility>

namespace dind::seed {

Result<Store> open_store(const Fd& data_root, const std::string& driver,
                         const store::Users& users) {
  Store store;
  if (driver == store::kOverlayfs) {
    if (users.shift || users.in_namespace) {
      return Error("give layers of the containerd store other users", EOPNOTSUPP);
    }
    auto changes = TRY(containerd::PendingChanges::open(data_root));
    store.driver = TRY(containerd::SnapshotDriver::open(data_root, changes));
    store.metadata = TRY(containerd::ImageRecords::open(data_root, std::move(changes)));
    return store;
  }
  store.driver = TRY(store::open_driver(data_root, driver, users));
  store.metadata =
      std::make_unique<store::GraphMetadata>(TRY(store::GraphMetadata::open(data_root, driver)));
  return store;
}

} // namespace dind::seed
