#include <boot/findings.hpp>

#include <base/log.hpp>
#include <boot/layer_flaws.hpp>
#include <host/probe.hpp>
#include <host/subordinate_ids.hpp>
#include <host/surroundings.hpp>
#include <init/exit_on_signal.hpp>
#include <store/layout.hpp>
#include <store/root_lock.hpp>
#include <sys/boot_id.hpp>
#include <sys/file.hpp>
#include <supervise/backing.hpp>

#include <fmt/format.h>

#include <unistd.h>

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

std::string own_dir_of(const std::string& data_root) {
  return fmt::format("{}/{}", data_root, store::kOwnDir);
}

// Whether seeding ever put something there.
bool was_seeded(const std::string& data_root) {
  return static_cast<bool>(
      sys::open_path(fmt::format("{}/{}", own_dir_of(data_root), seed::kReceiptName), O_PATH));
}

// Whose images the engine keeps, and where. If it maps IDs that are not known here, images are left
// to it: it may know more, or will say the same. What is known of that store has a place of its
// own.
void find_users(const config::Settings& settings, Findings& found) {
  found.store_root = settings.data_root;
  found.users.in_namespace = host::is_in_user_namespace();
  if (settings.userns_remap.empty()) {
    return;
  }
  const auto remapping = host::find_remapping(settings.userns_remap, host::read_accounts());
  if (!remapping) {
    found.shift_unknown = remapping.error().describe();
    found.store_root += "/" + std::string(store::kOwnDir) + "/unknown";
  } else if (*remapping) {
    found.users.shift = (*remapping)->ids;
    found.store_root += "/" + (*remapping)->dir;
    found.store_group = (*remapping)->group();
  }
}

Result<Fd> open_store_root(const config::Settings& settings, Mode mode, const Findings& found) {
  if (found.store_root != settings.data_root && mode != Mode::dry_run) {
    TRY(open_data_root(settings.data_root, mode));
  }
  Fd root = TRY(open_data_root(found.store_root, mode));
  if (found.store_group != 0 && ::fchown(root.get(), 0, found.store_group) == -1) {
    return errno_error("set the group of {}", found.store_root);
  }
  return root;
}

// What the data root holds and the host can do with it, as it is now.
Result<void> look(const config::Settings& settings, Mode mode, Findings& found) {
  found.state = TRY(store::read_state(found.store_root).within(found.store_root));
  if (found.caches.open.empty() && settings.allowed_drivers.empty()) { // nothing to decide
    if (was_seeded(found.store_root)) {
      found.data_root = TRY(open_store_root(settings, mode, found));
    }
    return {};
  }
  found.data_root = TRY(open_store_root(settings, mode, found));
  const bool has_own = static_cast<bool>(sys::open_dir(own_dir_of(found.store_root)));
  host::ProbeRequest request{.scratch_parent = has_own ? store::kOwnDir : "."};
  request.ids = found.users.shift;
  for (const cache::Cache& cache : found.caches.open) {
    request.samples.push_back((cache.path() / cache::kCanaryName).native());
  }
  request.named_drivers = found.state.prior_drivers;
  request.named_drivers.insert(request.named_drivers.end(), settings.allowed_drivers.begin(),
                               settings.allowed_drivers.end());
  request.named_drivers.insert(request.named_drivers.end(),
                               {settings.required_driver, settings.preferred_driver});
  found.facts = TRY(host::probe(found.data_root, request));
  if (!found.shift_unknown.empty()) {
    found.facts.shifted_owners = host::Fact{false, found.shift_unknown};
  }
  return {};
}

seed::DriverChoice choose(const config::Settings& settings, const Findings& found) {
  return seed::choose_driver(settings, found.facts, found.state, !found.caches.open.empty());
}

Error too_small(const config::Settings& settings, const sys::FreeSpace& free) {
  return settings.loop_bytes
             ? input_error("DIND_LOOP_SIZE asks for {} bytes, too few for an engine",
                           *settings.loop_bytes)
             : input_error("{} bytes are free, too few for a loop device", free.bytes);
}

// Puts a loop-mounted filesystem at the data root and looks again; if that fails, the
// next rung of the ladder is taken.
Result<void> go_on_loop(const config::Settings& settings, Findings& found,
                        report::StatusBoard& board) {
  const std::uint64_t bytes = host::loop_size(settings.loop_bytes, found.facts.free);
  auto mounted = bytes == 0 ? Result<host::LoopRoot>(too_small(settings, found.facts.free))
                            : host::mount_loop_root(settings.data_root, bytes);
  if (!mounted) {
    log::warn("the data root stays where it is: {}", mounted.error().describe());
    found.facts.loop = {false, std::move(mounted).error().describe()};
    found.driver = choose(settings, found);
    return {};
  }
  const std::string why = found.driver.why;
  found.loop = std::move(mounted).value();
  init::ExitOnSignal::detach_first(found.loop->path);
  if (std::string warning = supervise::backing_warning(*found.loop); !warning.empty()) {
    board.warn(std::move(warning));
  }
  found.backing = supervise::backing_to_watch(*found.loop);
  log::info("data root: {} bytes on {}, {}", found.loop->bytes, found.loop->device,
            found.loop->is_new ? "new" : "from an earlier start");
  auto refused = std::move(found.driver.refused);
  TRY(look(settings, Mode::boot, found));
  found.driver = choose(settings, found);
  found.driver.why = why;
  found.driver.refused = std::move(refused);
  return {};
}

Result<void> hold(const config::Settings& settings, Mode mode, Findings& found) {
  const Fd root = TRY(open_data_root(settings.data_root, mode));
  found.lock = TRY(store::lock_data_root(root, kLockPatience).within(settings.data_root));
  return {};
}

Result<void> find_out(const config::Settings& settings, Mode mode, report::StatusBoard& board,
                      Findings& found) {
  if (settings.seed != config::Strategy::off) {
    found.caches = open_caches(settings);
  }
  for (const cache::Cache& cache : found.caches.open) {
    found.views.push_back(TRY(view_of(cache, settings.verify)));
  }
  const bool has_cache = !found.caches.open.empty();
  find_users(settings, found);
  if ((has_cache || was_seeded(found.store_root)) && mode != Mode::dry_run) {
    const auto held = hold(settings, mode, found);
    if (!held && (has_cache || held.error().is(std::errc::device_or_resource_busy))) {
      return held.error();
    }
  }
  TRY(look(settings, mode, found));
  found.driver = choose(settings, found);
  if (found.driver.on_loop && mode == Mode::boot) {
    TRY(go_on_loop(settings, found, board));
  } else if (found.driver.on_loop && mode == Mode::seed_only) {
    // A lower rung would hold the data root to its driver for good.
    found.driver.means = seed::Means::none;
    found.driver.why += ", which dind-init mounts when it boots";
  }
  if (!found.facts.filesystem_note.empty() && !found.loop) {
    log::info("{}", found.facts.filesystem_note);
  }
  if (has_cache || was_seeded(found.store_root)) { // on the loop device, if there is one now
    found.boot_id = TRY(sys::kernel_boot_id());
    const auto own_dir = sys::open_dir(own_dir_of(found.store_root));
    if (own_dir) {
      found.receipt = TRY(seed::read_receipt(*own_dir));
    }
    look_for_flaws(found);
  }
  return {};
}

} // namespace

Result<Findings> find_out(const config::Settings& settings, Mode mode, report::StatusBoard& board) {
  Findings found;
  if (auto done = find_out(settings, mode, board, found); !done) {
    host::leave_loop_root(found.loop ? found.loop->path : "");
    return std::move(done).error();
  }
  return found;
}

} // namespace dind::boot
