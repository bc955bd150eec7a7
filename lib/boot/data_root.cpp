#include <boot/data_root.hpp>

#include <host/subordinate_ids.hpp>
#include <host/surroundings.hpp>
#include <init/exit_on_signal.hpp>
#include <seed/receipt.hpp>
#include <store/layout.hpp>
#include <store/root_lock.hpp>
#include <store/tree.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace dind::boot {
namespace {

constexpr mode_t kDataRootMode = 0710; // what dockerd gives it

// A container that is being replaced may need a while to end.
constexpr auto kLockPatience = std::chrono::seconds(10);

Result<Fd> open_data_root(const std::string& path, Mode mode) {
  if (mode == Mode::dry_run) { // it need not be there yet
    return TRY(sys::open_nearest_dir(path)).dir;
  }
  TRY(sys::make_dirs(path, kDataRootMode));
  Fd root = TRY(sys::open_dir(path));
  const std::string own = store::kOwnDir;
  TRY(sys::ensure_dir_at({root, own}, 0700));
  return root;
}

// A job can put a symlink there, so that nothing is followed.
Result<Fd> open_dir_below(const Fd& root, const std::string& name, Mode mode) {
  if (mode == Mode::dry_run) {
    auto there = sys::open_beneath(root, name, O_RDONLY | O_DIRECTORY);
    const bool is_missing = !there && there.error().is(std::errc::no_such_file_or_directory);
    return is_missing ? sys::open_beneath(root, ".", O_RDONLY | O_DIRECTORY) : std::move(there);
  }
  Fd dir = TRY(store::ensure_dirs(root, name, kDataRootMode));
  const std::string own = store::kOwnDir;
  TRY(sys::ensure_dir_at({dir, own}, 0700));
  return dir;
}

// The one in which the engine keeps its images, not yet locked or opened. If it maps IDs that are
// not known here, images are left to it: it may know more, or will say the same. What is known of
// that store has a place of its own.
DataRoot find_data_root(const config::Settings& settings) {
  DataRoot root;
  root.path = settings.data_root;
  root.users.in_namespace = host::is_in_user_namespace();
  if (settings.userns_remap.empty()) {
    return root;
  }
  const auto remapping = host::find_remapping(settings.userns_remap, host::read_accounts());
  if (!remapping) {
    root.shift_unknown = Reason{remapping.error().describe()};
    root.path += "/" + std::string(store::kOwnDir) + "/unknown";
  } else if (*remapping) {
    root.users.shift = (*remapping)->ids;
    root.path += "/" + (*remapping)->dir;
    root.group = (*remapping)->group();
  }
  return root;
}

Result<Fd> lock_data_root(const config::Settings& settings, Mode mode) {
  const Fd root = TRY(open_data_root(settings.data_root, mode));
  return store::lock_data_root(root, kLockPatience).within(settings.data_root);
}

Result<Fd> open_dir_of(const DataRoot& root, const config::Settings& settings, Mode mode) {
  Fd dir = TRY(open_data_root(settings.data_root, mode));
  if (root.path != settings.data_root) {
    dir = TRY(open_dir_below(dir, root.path.substr(settings.data_root.size() + 1), mode));
  }
  if (root.group != 0 && ::fchown(dir.get(), 0, root.group) == -1) {
    return errno_error("set the group of {}", root.path);
  }
  return dir;
}

Error too_small(const config::Settings& settings, const sys::FreeSpace& free) {
  return settings.loop_bytes
             ? input_error("DIND_LOOP_SIZE asks for {} bytes, too few for an engine",
                           *settings.loop_bytes)
             : input_error("{} bytes are free, too few for a loop device", free.bytes);
}

} // namespace

LoopMount::~LoopMount() {
  if (root_) {
    host::leave_loop_root(root_->path);
  }
}

LoopMount::LoopMount(LoopMount&& other) noexcept
    : root_(std::exchange(other.root_, std::nullopt)) {}

LoopMount& LoopMount::operator=(LoopMount&& other) noexcept {
  std::swap(root_, other.root_);
  return *this;
}

std::string LoopMount::hand_on() {
  return std::exchange(root_, std::nullopt)->path;
}

Result<DataRoot> hold_data_root(const config::Settings& settings, Mode mode, seed::Cached cached) {
  DataRoot root = find_data_root(settings);
  const sys::Place place = TRY(sys::open_nearest_dir(root.path));
  root.filesystem = TRY(sys::filesystem_of(place.dir));
  const bool has_images = cached == seed::Cached::images;
  const bool is_ours = has_images || was_seeded(root) || !host::can_hold_overlays(root.filesystem);
  if (is_ours && mode != Mode::dry_run) {
    auto locked = lock_data_root(settings, mode);
    if (locked) {
      root.lock = std::move(locked).value();
    } else if (has_images || locked.error().is(std::errc::device_or_resource_busy)) {
      return std::move(locked).error();
    }
  }
  if (is_ours || !settings.allowed_drivers.empty()) {
    root.dir = TRY(open_dir_of(root, settings, mode));
  }
  return root;
}

bool was_seeded(const DataRoot& root) {
  return static_cast<bool>(sys::open_path(
      fmt::format("{}/{}/{}", root.path, store::kOwnDir, seed::kReceiptName), O_PATH));
}

bool has_own_dir(const DataRoot& root) {
  return static_cast<bool>(sys::open_dir(fmt::format("{}/{}", root.path, store::kOwnDir)));
}

Result<host::LoopRoot> mount_on_loop(const config::Settings& settings, const sys::FreeSpace& free) {
  const std::uint64_t bytes = host::loop_size(settings.loop_bytes, free);
  if (bytes == 0) {
    return too_small(settings, free);
  }
  return host::mount_loop_root(settings.data_root, bytes);
}

Result<DataRoot> moved_to(host::LoopRoot loop, DataRoot root, const config::Settings& settings) {
  root.loop.emplace(std::move(loop));
  init::ExitOnSignal::detach_first(root.loop->root().path);
  root.dir = TRY(open_dir_of(root, settings, Mode::boot));
  return root;
}

} // namespace dind::boot
