#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dind::sys {

namespace fs = boost::filesystem;

// A name inside an open directory. Passing these, rather than full paths, keeps
// each lookup one component long and immune to a rename of the parents.
struct At {
  const Fd& dir;
  const std::string& name;
};

// Opens. O_CLOEXEC is always added; `open_at` never follows a symlink in the
// last component.
Result<Fd> open_path(const fs::path& path, int flags, mode_t mode = 0);
Result<Fd> open_dir(const fs::path& path);
// `path`, or the nearest of its parents that exists.
struct Place {
  fs::path path;
  Fd dir;
};
Result<Place> open_nearest_dir(const fs::path& path);
Result<Fd> open_at(At at, int flags, mode_t mode = 0);
Result<Fd> open_dir_at(At at);

// Opens `path`, of any depth, strictly below `root`: no symlink is followed
// anywhere and ".." cannot leave (openat2, Linux 5.6). "." is `root` itself.
Result<Fd> open_beneath(const Fd& root, const std::string& path, int flags);
// The same, but symlinks among the parents are followed as if `root` were "/": they never lead out.
Result<Fd> open_within(const Fd& root, const std::string& path, int flags);

// A regular file, to be read. Of a name that others may have put there: nothing else is opened, for
// a fifo hangs its reader, and a device may do anything. What is no regular file is an error of the
// input.
Result<Fd> open_regular_at(At at);
Result<Fd> open_regular_beneath(const Fd& root, const std::string& path); // as open_beneath

// Whole contents. More than `limit` bytes is an error, not a truncation.
Result<std::string> read_all(const Fd& fd, std::size_t limit);
Result<std::string> read_file(const fs::path& path, std::size_t limit);
// The same by open_regular_at and open_regular_beneath.
Result<std::string> read_file_at(At at, std::size_t limit);
Result<std::string> read_file_beneath(const Fd& root, const std::string& path, std::size_t limit);
Result<std::size_t> read_some(const Fd& fd, std::span<std::byte> into);
Result<std::size_t> read_some_at(const Fd& fd, std::span<std::byte> into, std::uint64_t offset);

Result<void> write_all(const Fd& fd, std::string_view content);
Result<void> write_all_at(const Fd& fd, std::span<const std::byte> content, std::uint64_t offset);

// Writes all that is left to read of `from`, wherever both stand.
Result<void> copy_all(const Fd& from, const Fd& to);

// Makes a file that must not exist yet.
Result<void> create_file_at(At at, std::string_view content, mode_t mode);

// Replaces a file so that a reader, or a crash, sees the old content or the new
// and never a part. `Durable::yes` also outlives a power cut.
enum class Durable { no, yes };
Result<void> replace_file_at(At at, std::string_view content, mode_t mode, Durable durable);
Result<void> replace_file(const fs::path& path, std::string_view content, mode_t mode,
                          Durable durable);

// One system call each. `make_dir_at` gives exactly `mode`, whatever the umask.
Result<void> make_dir_at(At at, mode_t mode);
Result<void> ensure_dir_at(At at, mode_t mode); // an existing directory is fine
Result<void> link_at(At from, At to);           // a symlink is linked itself
Result<void> symlink_at(const std::string& target, At to);
Result<void> make_node_at(At at, mode_t type_and_mode, dev_t device);
Result<void> rename_at(At from, At to);
// EEXIST if `to` is there (RENAME_NOREPLACE); on NFS and some FUSE filesystems, which have no such
// flag, a plain rename.
Result<void> rename_new_at(At from, At to);
Result<void> exchange_at(At one, At other); // both must exist; at once (RENAME_EXCHANGE)
Result<void> unlink_at(At at);
Result<std::string> read_link_at(At at);
// How many of them the kernel follows in one path (fs/namei.c, MAXSYMLINKS).
inline constexpr int kMostLinks = 40;
Result<struct stat> stat_of(const Fd& fd);
Result<struct stat> stat_at(At at); // of a symlink itself
Result<bool> exists_at(At at);

// `path`, absolute and without symlinks, "." and "..". It must exist.
Result<fs::path> canonical_path(const fs::path& path);

// Makes `path` and its missing parents, each with `mode`.
Result<void> make_dirs(const fs::path& path, mode_t mode);

// Metadata of a name that may be a symlink, which is never followed.
// Setting the owner clears setuid, setgid and capabilities of a file, as the kernel does.
Result<void> set_owner_at(At at, uid_t uid, gid_t gid);
Result<void> set_mode_at(At at, mode_t mode); // not for symlinks
Result<void> set_times_at(At at, timespec accessed, timespec modified);

// Bytes free to an ordinary user and free inodes of the filesystem that holds `fd`.
// `inodes` is the maximum where the filesystem makes them as needed.
struct FreeSpace {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};
Result<FreeSpace> free_space(const Fd& fd);

// `count` random bytes as lower-case hex digits (getrandom).
std::string random_hex(std::size_t count);

} // namespace dind::sys
