#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <init/supervisor.hpp>
#include <registry/tally.hpp>
#include <supervise/back_off.hpp>

#include <boost/filesystem/path.hpp>

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dind::supervise {

// What is served, and where.
struct RegistryPlan {
  std::vector<Fd> listeners;       // bound and listening; none: there is no registry
  std::string bridge;              // the interface at whose address it listens, too; "" = none
  std::uint16_t port = 0;          // of the bridge's address
  std::vector<std::string> caches; // paths; what an earlier one has counts
};

// Keeps a process that lets images be pulled from the caches (registry::serve). It can read all
// files and do next to nothing else (sys::confine_to_reading): what it needs of the network is its
// listeners, which PID 1 binds. One that dies is started again; clients that come meanwhile wait.
class RegistryServer {
public:
  using Warn = std::function<void(std::string)>;
  using Used = std::function<void(const registry::Counts& so_far)>;

  // `runtime_dir` gets the list of what is missed. `warn` and `used` are for the report. `used` is
  // called when the process first starts, and a second after images were asked for: while none are,
  // nothing wakes up for it.
  RegistryServer(init::Supervisor& supervisor, boost::filesystem::path runtime_dir,
                 RegistryPlan plan, Warn warn, Used used);

  // Before the service starts. With a bridge, clients wait until that is there.
  void begin();
  // dockerd serves, and so its bridge has an address.
  void bridge_is_up();
  // After the service has ended.
  void finish();
  // In a process that is not the server: or the port would be open for as long as that lives.
  void let_go() { plan_.listeners.clear(); }

private:
  Result<void> begin_to_count();
  void start();
  Result<void> serve(const std::vector<Fd>& listeners, Fd missed) const;
  void died(const std::string& reason);

  init::Supervisor& supervisor_;
  const boost::filesystem::path runtime_dir_;
  RegistryPlan plan_;
  const Warn warn_;
  const Used used_;
  std::optional<registry::Tally> tally_; // of each process that serves; none before the first
  registry::Counts counts_;
  pid_t server_ = 0; // 0: none runs
  bool awaits_bridge_;
  bool has_died_ = false;
  BackOff back_off_;
};

} // namespace dind::supervise
