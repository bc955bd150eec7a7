#include <containerd/store_state.hpp>

#include <store/layout.hpp>
#include <sys/file.hpp>
#include <containerd/driver_state.hpp>
#include <containerd/state.hpp>

#include <utility>

namespace dind::containerd {
namespace {

// `nullopt`: there is no data root yet.
Result<std::optional<store::DriverState>> read(const std::string& data_root, Engine engine) {
  const auto root = sys::open_dir(data_root);
  if (!root && root.error().is(std::errc::no_such_file_or_directory)) {
    return std::optional<store::DriverState>();
  }
  if (!root) {
    return root.error();
  }
  const State state =
      TRY(engine == Engine::stopped ? read_state(*root) : read_state_beside_engine(*root));
  if (!state.other_snapshotters.empty()) {
    return input_error("it has images in the snapshotter {}", *state.other_snapshotters.begin());
  }
  store::DriverState found = TRY(driver_state_of(state, *root));
  return std::optional(std::move(found));
}

} // namespace

store::StoreState with_containerd_store(store::StoreState state, const std::string& data_root,
                                        Engine engine) {
  auto found = read(data_root, engine);
  if (!found) {
    state.containerd_refused =
        Reason{std::move(found).error().within("read the containerd store").describe()};
  } else if (*found && (!(*found)->empty() || !(*found)->references.empty())) {
    state.drivers.insert_or_assign(store::kOverlayfs, **std::move(found));
  }
  return state;
}

} // namespace dind::containerd
