#include <host/loop_root.hpp>

#include <base/log.hpp>
#include <host/ext4.hpp>
#include <host/scratch.hpp>
#include <sys/dir.hpp>
#include <sys/lock.hpp>
#include <sys/loop.hpp>
#include <sys/mount.hpp>

#include <unistd.h>

#include <algorithm>
#include <tuple>

namespace dind::host {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr std::uint64_t kMost = 20 * kGiB;
constexpr std::uint64_t kLeast = 64 * kMiB;
constexpr std::uint64_t kLow = kGiB;

constexpr mode_t kDataRootMode = 0710; // what dockerd gives it
constexpr mode_t kPermissions = 07777;
constexpr int kSearchDepth = 32; // of folders that hold nothing

const std::string kOwnDir = ".dind-init";
const std::string kImage = "data.ext4";
const std::string kDraft = "data.ext4.new";

// The path of something that is no directory, inside `dir`.
Result<std::optional<std::string>> find_content(const Fd& dir, int depth) {
  const auto entries = TRY(sys::list_dir(dir));
  for (const sys::DirEntry& entry : entries) {
    const struct stat found = TRY(sys::stat_at({dir, entry.name}));
    if (!S_ISDIR(found.st_mode) || depth == 0) {
      return std::optional(entry.name);
    }
    const Fd child = TRY(sys::open_dir_at({dir, entry.name}));
    if (const auto inner = TRY(find_content(child, depth - 1))) {
      return std::optional(entry.name + "/" + *inner);
    }
  }
  return std::optional<std::string>();
}

// Empty folders are what an earlier engine, or an image's VOLUME, prepared.
Result<void> check_holds_nothing(const Fd& root) {
  const auto entries = TRY(sys::list_dir(root));
  for (const sys::DirEntry& entry : entries) {
    if (entry.name == kOwnDir) {
      continue;
    }
    const auto child = sys::open_dir_at({root, entry.name});
    if (!child) {
      return Error(fmt::format("the mount would hide {}", entry.name), ENOTEMPTY);
    }
    if (const auto content = TRY(find_content(*child, kSearchDepth))) {
      return Error(fmt::format("the mount would hide {}/{}", entry.name, *content), ENOTEMPTY);
    }
  }
  return {};
}

// A mkfs.ext4 that was killed halfway leaves a draft, which no boot takes for the image.
Result<Fd> make_image(const Fd& own, std::uint64_t bytes) {
  std::ignore = sys::unlink_at({own, kDraft});
  const auto fill = [&]() -> Result<Fd> {
    Fd file = TRY(sys::open_at({own, kDraft}, O_RDWR | O_CREAT | O_EXCL, 0600));
    TRY(make_ext4(file, bytes));
    if (::fsync(file.get()) == -1) {
      return errno_error("sync {}", kDraft);
    }
    TRY(sys::rename_at({own, kDraft}, {own, kImage}));
    return file;
  };
  auto filled = fill();
  if (!filled) {
    std::ignore = sys::unlink_at({own, kDraft});
  }
  return filled;
}

// Two mounts that write to one ext4 destroy it. The loop device shares our open file,
// and with it the lock, until it is detached.
Result<void> claim(const Fd& file, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto is_late = [deadline] { return std::chrono::steady_clock::now() >= deadline; };
  const bool locked = TRY(sys::poll_lock(file, is_late).within(kImage));
  return locked ? Result<void>() : Error("lock " + kImage, EBUSY);
}

Result<void> dress_as(const struct stat& covered, const std::string& path) {
  const Fd mounted = TRY(sys::open_dir(path));
  const std::string here = ".";
  TRY(sys::set_owner_at({mounted, here}, covered.st_uid, covered.st_gid));
  return sys::set_mode_at({mounted, here}, covered.st_mode & kPermissions);
}

// The directory's owner and mode go on to what is mounted on it.
Result<void> mount_image(LoopRoot& loop, const Fd& root) {
  const struct stat covered = TRY(sys::stat_of(root));
  loop.path = TRY(real_path(root)).native();
  sys::LoopDevice device = TRY(sys::LoopDevice::attach(loop.backing));
  // By descriptor, so that the mount lands on what was looked at.
  TRY(sys::mount(device.path(), proc_path(root), "ext4", 0, kExt4Options));
  device.keep_node();
  loop.device = device.path();
  auto dressed = dress_as(covered, loop.path);
  if (!dressed) {
    std::ignore = unmount_loop_root(loop.path);
  }
  return dressed;
}

Result<LoopRoot> mount_beneath(const Fd& root, std::uint64_t bytes,
                               std::chrono::milliseconds patience) {
  TRY(check_holds_nothing(root));
  TRY(sys::ensure_dir_at({root, kOwnDir}, 0700));
  const Fd own = TRY(sys::open_dir_at({root, kOwnDir}));
  LoopRoot loop;
  loop.is_new = !TRY(sys::exists_at({own, kImage}));
  loop.backing = loop.is_new ? TRY(make_image(own, bytes))
                             : TRY(sys::open_at({own, kImage}, O_RDWR | O_NONBLOCK | O_NOCTTY));
  const struct stat image = TRY(sys::stat_of(loop.backing));
  if (!S_ISREG(image.st_mode)) {
    return Error("use " + kImage + " as a disk", EINVAL);
  }
  loop.bytes = static_cast<std::uint64_t>(image.st_size);
  TRY(claim(loop.backing, patience));
  if (!loop.is_new) {
    TRY(check_ext4(loop.backing).within(kImage));
  }
  if (auto mounted = mount_image(loop, root); !mounted) {
    if (loop.is_new) {
      std::ignore = sys::unlink_at({own, kImage});
    }
    return std::move(mounted).error();
  }
  return loop;
}

} // namespace

Result<LoopRoot> mount_loop_root(const std::string& data_root, std::uint64_t bytes,
                                 std::chrono::milliseconds patience) {
  TRY(sys::make_dirs(data_root, kDataRootMode));
  const Fd root = TRY(sys::open_dir(data_root));
  return mount_beneath(root, bytes, patience)
      .within(fmt::format("put a loop device on {}", data_root));
}

Result<void> unmount_loop_root(const std::string& path) {
  if (sys::unmount_written_back(path)) {
    return {};
  }
  {
    const Fd root = TRY(sys::open_dir(path));
    if (::syncfs(root.get()) == -1) {
      return errno_error("write back {}", path);
    }
  }
  return sys::unmount(path);
}

void leave_loop_root(const std::string& path) {
  if (path.empty()) {
    return;
  }
  if (const auto left = unmount_loop_root(path); !left) {
    log::warn("{}", left.error().describe());
  }
}

std::uint64_t loop_size(std::optional<std::uint64_t> wish, const sys::FreeSpace& free) {
  const std::uint64_t bytes = wish.value_or(std::min(kMost, free.bytes / 2));
  return bytes < kLeast ? 0 : bytes - bytes % kMiB;
}

bool BackingSpace::is_low() const {
  return free < std::min(unclaimed, kLow);
}

bool BackingSpace::is_overdrawn() const {
  return free < unclaimed;
}

Result<BackingSpace> backing_space(const Fd& file) {
  constexpr std::uint64_t kBlock = 512; // st_blocks counts these, whatever the filesystem has
  const struct stat image = TRY(sys::stat_of(file));
  const sys::FreeSpace free = TRY(sys::free_space(file));
  const auto bytes = static_cast<std::uint64_t>(image.st_size);
  const std::uint64_t claimed = static_cast<std::uint64_t>(image.st_blocks) * kBlock;
  return BackingSpace{bytes - std::min(claimed, bytes), free.bytes};
}

} // namespace dind::host
