#include <store/state.hpp>

#include <store/driver_state.hpp>
#include <store/layout.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <array>

namespace dind::store {
namespace {

constexpr std::array<const char*, 4> kDriversThatCount = {kBtrfs, kFuseOverlayfs, kOverlay2, "zfs"};
constexpr std::array<const char*, 4> kDriversToRead = {kOverlay2, kFuseOverlayfs, kVfs, kBtrfs};

} // namespace

const DriverState& StoreState::of(const std::string& driver) const {
  static const DriverState kNothing;
  const auto found = drivers.find(driver);
  return found == drivers.end() ? kNothing : found->second;
}

Result<StoreState> read_state(const std::string& data_root) {
  StoreState state;
  const auto opened = sys::open_dir(data_root);
  if (!opened && opened.error().is(std::errc::no_such_file_or_directory)) {
    return state;
  }
  if (!opened) {
    return opened.error();
  }
  const Fd& root = *opened;
  for (const char* driver : kDriversThatCount) {
    const auto entries = TRY(entries_of(root, driver));
    if (!entries.empty()) {
      state.prior_drivers.emplace_back(driver);
    }
  }
  // The database beside it exists under graph drivers, too: containerd runs their containers.
  const auto blobs = TRY(entries_of(root, kBlobsDir));
  state.has_containerd_images = !blobs.empty();
  for (const char* driver : kDriversToRead) {
    DriverState found = TRY(read_driver_state(root, driver).within(driver));
    if (!found.empty() || !found.references.empty()) {
      state.drivers.emplace(driver, std::move(found));
    }
  }
  return state;
}

} // namespace dind::store
