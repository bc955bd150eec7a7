#pragma once

#include <cache/reader.hpp>
#include <seed/layer_maker.hpp>
#include <seed/plan.hpp>
#include <seed/receipt.hpp>
#include <store/state.hpp>
#include <store/users.hpp>
#include <clone/tree_cloner.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace dind::seed {

// How far seeding has come, for the thread that logs it.
struct SeedProgress {
  std::size_t layers_in_all = 0;
  std::size_t layers_done = 0;
  clone::CloneProgress files;
};

// A plan, and all that it is carried out with.
struct Execution {
  const SeedPlan& plan;
  const std::string& driver; // whose layout is written
  const std::vector<const cache::Cache*>& caches;
  const store::DriverState& state;
  const Receipt& receipt;     // of earlier boots
  const std::string& boot_id; // of the kernel, now
  store::Users users = {};    // whose the files of layers are
  unsigned jobs = 1;
  clone::CloneMethod share = clone::CloneMethod::copy;
  // When no further layer is begun, and one that is being made is given up.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  Interrupted interrupted;
};

} // namespace dind::seed
