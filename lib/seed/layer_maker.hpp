#pragma once

#include <cache/reader.hpp>
#include <seed/plan.hpp>
#include <store/storage_driver.hpp>
#include <clone/options.hpp>

#include <functional>
#include <vector>

namespace dind::seed {

// Asked often, also while a layer is made; an answer of true ends the work early, resumable.
using Interrupted = std::function<bool()>;

// Makes one layer by one method, with the driver's help. Takes no decisions.
class LayerMaker {
public:
  struct Settings {
    unsigned jobs = 1;
    clone::CloneMethod share = clone::CloneMethod::copy; // between layers of the data root
    Interrupted interrupted;
  };
  // All that is passed by reference must outlive the maker.
  LayerMaker(store::StorageDriver& driver, const std::vector<const cache::Cache*>& caches,
             Settings settings, clone::CloneProgress& progress);

  Result<void> make(const LayerStep& step, Method method,
                    const store::StorageDriver::OptionalParent& parent);

private:
  Result<void> borrow(const LayerStep& step, const store::StorageDriver::OptionalParent& parent);
  Result<void> clone(const LayerStep& step, Method method,
                     const store::StorageDriver::OptionalParent& parent);
  Result<void> unpack(const LayerStep& step, const store::StorageDriver::OptionalParent& parent);
  store::Cloning cloning(clone::CloneMethod method) const;

  store::StorageDriver& driver_;
  const std::vector<const cache::Cache*>& caches_;
  Settings settings_;
  clone::CloneProgress& progress_;
};

} // namespace dind::seed
