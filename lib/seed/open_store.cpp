#include <seed/open_store.hpp>

#include <store/graph_metadata.hpp>
#include <store/open_driver.hpp>

namespace dind::seed {

Result<Store> open_store(const Fd& data_root, const std::string& driver,
                         const store::Users& users) {
  Store store;
  store.driver = TRY(store::open_driver(data_root, driver, users));
  store.metadata =
      std::make_unique<store::GraphMetadata>(TRY(store::GraphMetadata::open(data_root, driver)));
  return store;
}

} // namespace dind::seed
