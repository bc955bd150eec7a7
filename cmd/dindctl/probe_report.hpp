#pragma once

#include <host/facts.hpp>
#include <seed/plan.hpp>
#include <store/state.hpp>
#include <config/settings.hpp>

#include <string>
#include <vector>

namespace dind::ctl {

// What `probe` has found out.
struct ProbeReport {
  std::string data_root;
  std::string probed_at; // a parent of the data root where that does not exist
  host::HostFacts facts;
  store::StoreState state;
  std::vector<std::string> caches;   // in the order of the facts
  std::vector<std::string> unusable; // caches that cannot be opened, and why
  seed::DriverChoice choice;
};

void print_for_people(const ProbeReport& report);
void print_for_programs(const ProbeReport& report);

} // namespace dind::ctl
