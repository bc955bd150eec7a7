#include <supervise/promotion.hpp>

#include <base/log.hpp>
#include <seed/materialise.hpp>
#include <store/layout.hpp>
#include <store/state.hpp>
#include <sys/file.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <tuple>

namespace dind::supervise {
namespace {

// linux/ioprio.h: class 3 is idle, in the upper three bits; 1 says "a process".
constexpr int kIdleClass = 3 << 13;
constexpr int kWhoProcess = 1;
constexpr int kNicest = 19;

Result<void> copy_layers(const std::string& data_root, const std::string& driver) {
  const store::StoreState state = TRY(seed::read_living_state(data_root));
  if (driver == store::kOverlayfs && state.containerd_refused) {
    return Error(state.containerd_refused->why);
  }
  const Fd root = TRY(sys::open_dir(data_root));
  const std::string own = store::kOwnDir;
  const Fd own_dir = TRY(sys::open_dir_at({root, own}));
  const seed::Receipt receipt = TRY(seed::read_receipt(own_dir));
  const auto layers = seed::layers_of_users(state.of(driver), receipt);
  clone::CloneProgress progress;
  const auto report = TRY(seed::materialise({.driver = driver,
                                             .state = state.of(driver),
                                             .layers = layers,
                                             .interrupted = []() { return false; }},
                                            root, progress));
  if (!report.done.empty()) {
    log::info("promoted {} borrowed layers that users' images or containers stand on: {} bytes",
              report.done.size(), progress.bytes.load());
  }
  for (const std::string& failure : report.failed) {
    log::warn("not promoted: {}", failure);
  }
  return {};
}

} // namespace

bool wants_promotion(config::Promote setting, const seed::Receipt& receipt_of_earlier_starts) {
  return setting == config::Promote::yes ||
         (setting == config::Promote::automatic && !receipt_of_earlier_starts.boot_id.empty());
}

void promote(const std::string& data_root, const std::string& driver) {
  std::ignore = ::nice(kNicest);
  ::syscall(SYS_ioprio_set, kWhoProcess, 0, kIdleClass);
  if (const auto copied = copy_layers(data_root, driver); !copied) {
    log::warn("layers are not promoted: {}", copied.error().describe());
  }
}

} // namespace dind::supervise
