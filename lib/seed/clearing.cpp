#include <seed/clearing.hpp>

#include <seed/open_store.hpp>
#include <store/layout.hpp>
#include <sys/file.hpp>

#include <set>

namespace dind::seed {
namespace {

// What an earlier one was about to remove when it was killed, and did.
void forget_removed(const store::DriverState& state, Receipt& receipt) {
  for (const Digest& id : receipt.removing) {
    if (!state.images.contains(id)) {
      receipt.images.erase(id);
    }
  }
  receipt.removing.clear();
}

} // namespace

Result<Receipt> clear(const Clearing& what, store::StorageDriver& driver,
                      store::ImageMetadata& metadata, const Fd& own_dir) {
  const Removals& removals = what.plan.removals;
  for (const Digest& chain_id : removals.files) { // which also takes no room
    TRY(driver.remove(what.state.layers.at(chain_id).cache_id));
  }
  Receipt receipt = what.receipt;
  forget_removed(what.state, receipt);
  std::set<Digest> planned;
  for (const LayerStep& step : what.plan.layers) {
    planned.insert(step.chain_id);
  }
  for (const auto& [chain_id, method] : what.receipt.layers) {
    if (what.state.layers.contains(chain_id)) {
      continue;
    }
    receipt.layers.erase(chain_id);
    if (!planned.contains(chain_id)) { // else it is replaced
      TRY(metadata.remove_layer(chain_id));
      TRY(driver.remove(store::cache_id_of(chain_id)));
    }
  }
  const std::set<Digest> images(removals.images.begin(), removals.images.end());
  if (!images.empty()) {
    Receipt before = receipt; // with its boot ID: what was lost is still visible
    before.removing = images;
    TRY(write_receipt(own_dir, before));
    TRY(metadata.remove_references(images));
  }
  for (const Digest& id : removals.images) {
    TRY(metadata.remove_image(id));
    receipt.images.erase(id);
  }
  for (const Digest& chain_id : removals.layers) {
    TRY(metadata.remove_layer(chain_id));
    TRY(driver.remove(what.state.layers.at(chain_id).cache_id));
    receipt.layers.erase(chain_id);
  }
  return receipt;
}

Result<Receipt> clear_data_root(const Clearing& what, const std::string& driver,
                                const Fd& data_root) {
  const Store store = TRY(open_store(data_root, driver));
  const std::string own = store::kOwnDir;
  const Fd own_dir = TRY(sys::open_dir_at({data_root, own}));
  Receipt receipt = TRY(clear(what, *store.driver, *store.metadata, own_dir));
  TRY(write_receipt(own_dir, receipt));
  return receipt;
}

} // namespace dind::seed
