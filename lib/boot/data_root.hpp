#pragma once

#include <base/fd.hpp>
#include <base/reason.hpp>
#include <base/result.hpp>
#include <host/loop_root.hpp>
#include <seed/driver.hpp>
#include <store/users.hpp>
#include <sys/file.hpp>
#include <config/settings.hpp>

#include <sys/types.h>

#include <optional>
#include <string>

namespace dind::boot {

// A boot mounts what it needs. Seeding alone leaves all mounts as they are. A dry run changes
// nothing at all, and takes no lock.
enum class Mode { boot, seed_only, dry_run };

// The mount of a loop-mounted data root. Unmounts it when it goes, unless it was handed on.
class LoopMount {
public:
  explicit LoopMount(host::LoopRoot root) : root_(std::move(root)) {}
  ~LoopMount();
  LoopMount(LoopMount&& other) noexcept;
  LoopMount& operator=(LoopMount&& other) noexcept;

  const host::LoopRoot& root() const { return *root_; }
  // Leaves the unmounting to the caller.
  std::string hand_on();

private:
  std::optional<host::LoopRoot> root_; // none: it was moved from, or handed on
};

// What is held of a data root.
struct DataRoot {
  std::optional<LoopMount> loop; // goes last: the others are open on it
  std::string path;              // the engine's; with userns-remap, a folder below the one named
  std::string filesystem;        // on which it is, or will be
  gid_t group = 0;               // of that folder
  store::Users users;            // whose the files of layers are
  std::optional<Reason> shift_unknown; // why it is not known what userns-remap maps
  Fd dir;                              // `path`, only if something may have to be written to it
  Fd lock;                             // held while the daemon runs
  Fd backing;                          // the file below a loop mount, if it is to be watched
};

// Locks and opens what DIND_SEED's images, or those of earlier boots, are in. EBUSY if another
// daemon has it. Where nothing was ever seeded and there is no cache, nothing is written, unless it
// has to be found out whether an overlay can be mounted there.
Result<DataRoot> hold_data_root(const config::Settings& settings, Mode mode, seed::Cached cached);

// Whether seeding ever put something there.
bool was_seeded(const DataRoot& root);
// Whether our folder is there.
bool has_own_dir(const DataRoot& root);

// Mounts a file at the data root named by `settings`, on whose filesystem `free` is left.
Result<host::LoopRoot> mount_on_loop(const config::Settings& settings, const sys::FreeSpace& free);
// The same data root, still locked, on the filesystem that was mounted on it.
Result<DataRoot> moved_to(host::LoopRoot loop, DataRoot root, const config::Settings& settings);

} // namespace dind::boot
