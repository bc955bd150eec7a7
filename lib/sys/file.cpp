#include <sys/file.hpp>

#include <sys/written.hpp>

#include <linux/openat2.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

namespace dind::sys {
namespace {

constexpr mode_t kPermissionBits = 07777;

// A file that was not there, in place of one that is.
Result<Fd> open_new(At at, mode_t mode) {
  auto made = open_at(at, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!made && made.error().is(std::errc::file_exists)) {
    TRY(unlink_at(at));
    return open_at(at, O_WRONLY | O_CREAT | O_EXCL, mode);
  }
  return made;
}

// How kernels and seccomp filters say that they do not have a system call, or a flag of one.
bool may_be_refusal(int code) {
  return code == ENOSYS || code == EPERM || code == EOPNOTSUPP;
}

// Whether openat2 itself is refused, and not the file: it opens nothing, then, in any directory.
bool is_openat2_refused(const Fd& root) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  const Fd opened(static_cast<int>(::syscall(SYS_openat2, root.get(), ".", &how, sizeof how)));
  return !opened && may_be_refusal(errno);
}

Error open_failure(const Fd& root, const std::string& path) {
  Error failure = errno_error("open {}", path);
  if (!may_be_refusal(failure.code()) || !is_openat2_refused(root)) {
    return failure;
  }
  return Error(fmt::format("open {}: the system call openat2 is needed, which Linux has since 5.6 "
                           "and a seccomp filter has to allow",
                           path),
               failure.code());
}

Result<Fd> open_resolving(const Fd& root, const std::string& path, int flags,
                          std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC | O_NOFOLLOW));
  how.resolve = resolve;
  for (;;) {
    const long raw = ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how);
    if (raw != -1) {
      return Fd(static_cast<int>(raw));
    }
    // Both answer EAGAIN when a rename elsewhere raced with "..".
    if (errno != EAGAIN && errno != EINTR) {
      return open_failure(root, path);
    }
  }
}

Result<void> check_regular(const struct stat& found, const std::string& name) {
  return S_ISREG(found.st_mode) ? Result<void>() : input_error("{} is not a regular file", name);
}

// What was a regular file may be another by now: no opening waits, and the descriptor decides.
constexpr int kReadRegular = O_RDONLY | O_NONBLOCK | O_NOCTTY;

Result<Fd> checked_again(Result<Fd> opened, const std::string& name) {
  Fd fd = TRY(std::move(opened));
  const struct stat found = TRY(stat_of(fd));
  TRY(check_regular(found, name));
  return fd;
}

// Before anything is read: a file may be terabytes of nothing.
Result<std::string> read_within(const Fd& fd, const std::string& name, std::size_t limit) {
  const struct stat found = TRY(stat_of(fd));
  if (static_cast<std::uint64_t>(found.st_size) > limit) {
    return input_error("{}: larger than {} bytes", name, limit);
  }
  return read_all(fd, limit).within(name);
}

} // namespace

Result<Fd> open_path(const fs::path& path, int flags, mode_t mode) {
  const int raw = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (raw == -1) {
    return errno_error("open {}", path.native());
  }
  return Fd(raw);
}

Result<Fd> open_dir(const fs::path& path) {
  return open_path(path, O_RDONLY | O_DIRECTORY);
}

Result<Place> open_nearest_dir(const fs::path& path) {
  fs::path place = path.empty() ? "." : path;
  auto dir = open_dir(place);
  while (!dir && dir.error().is(std::errc::no_such_file_or_directory) && place != "." &&
         place != "/") {
    place = place.has_parent_path() ? place.parent_path() : ".";
    dir = open_dir(place);
  }
  return dir ? Result<Place>(Place{place, std::move(dir).value()}) : std::move(dir).error();
}

Result<Fd> open_at(At at, int flags, mode_t mode) {
  const int raw = ::openat(at.dir.get(), at.name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
  if (raw == -1) {
    return errno_error("open {}", at.name);
  }
  if ((flags & O_EXCL) != 0) { // only with O_CREAT
    count_made();
  }
  return Fd(raw);
}

Result<Fd> open_dir_at(At at) {
  return open_at(at, O_RDONLY | O_DIRECTORY);
}

Result<Fd> open_beneath(const Fd& root, const std::string& path, int flags) {
  return open_resolving(root, path, flags,
                        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

Result<Fd> open_within(const Fd& root, const std::string& path, int flags) {
  return open_resolving(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<Fd> open_regular_at(At at) {
  const struct stat found = TRY(stat_at(at));
  TRY(check_regular(found, at.name));
  return checked_again(open_at(at, kReadRegular), at.name);
}

Result<Fd> open_regular_beneath(const Fd& root, const std::string& path) {
  const Fd there = TRY(open_beneath(root, path, O_PATH));
  const struct stat found = TRY(stat_of(there));
  TRY(check_regular(found, path));
  return checked_again(open_beneath(root, path, kReadRegular), path);
}

Result<std::size_t> read_some(const Fd& fd, std::span<std::byte> into) {
  for (;;) {
    const ssize_t got = ::read(fd.get(), into.data(), into.size());
    if (got >= 0) {
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) {
      return errno_error("read");
    }
  }
}

Result<std::size_t> read_some_at(const Fd& fd, std::span<std::byte> into, std::uint64_t offset) {
  for (;;) {
    const ssize_t got = ::pread(fd.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got >= 0) {
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) {
      return errno_error("read");
    }
  }
}

Result<std::string> read_all(const Fd& fd, std::size_t limit) {
  std::string content;
  std::array<std::byte, 16384> chunk;
  for (;;) {
    const std::size_t got = TRY(read_some(fd, chunk));
    if (got == 0) {
      return content;
    }
    if (content.size() + got > limit) {
      return input_error("larger than {} bytes", limit);
    }
    content.append(reinterpret_cast<const char*>(chunk.data()), got);
  }
}

Result<std::string> read_file(const fs::path& path, std::size_t limit) {
  const Fd fd = TRY(open_path(path, O_RDONLY));
  return read_all(fd, limit).within(path.native());
}

Result<std::string> read_file_at(At at, std::size_t limit) {
  const Fd fd = TRY(open_regular_at(at));
  return read_within(fd, at.name, limit);
}

Result<std::string> read_file_beneath(const Fd& root, const std::string& path, std::size_t limit) {
  const Fd fd = TRY(open_regular_beneath(root, path));
  return read_within(fd, path, limit);
}

Result<void> write_all(const Fd& fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd.get(), content.data(), content.size());
    if (put == -1 && errno != EINTR) {
      return errno_error("write");
    }
    const auto done = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
    count_written(done);
    content.remove_prefix(done);
  }
  return {};
}

Result<void> write_all_at(const Fd& fd, std::span<const std::byte> content, std::uint64_t offset) {
  while (!content.empty()) {
    const ssize_t put =
        ::pwrite(fd.get(), content.data(), content.size(), static_cast<off_t>(offset));
    if (put == -1 && errno != EINTR) {
      return errno_error("write");
    }
    const auto done = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
    count_written(done);
    content = content.subspan(done);
    offset += done;
  }
  return {};
}

Result<void> copy_all(const Fd& from, const Fd& to) {
  std::vector<std::byte> chunk(128U << 10U);
  for (;;) {
    const std::size_t got = TRY(read_some(from, chunk));
    if (got == 0) {
      return {};
    }
    TRY(write_all(to, {reinterpret_cast<const char*>(chunk.data()), got}));
  }
}

Result<void> create_file_at(At at, std::string_view content, mode_t mode) {
  const Fd fd = TRY(open_at(at, O_WRONLY | O_CREAT | O_EXCL, mode));
  return write_all(fd, content).within(at.name);
}

Result<void> replace_file_at(At at, std::string_view content, mode_t mode, Durable durable) {
  const std::string draft = at.name + ".new";
  const At draft_at{at.dir, draft};
  const auto fill = [&]() -> Result<void> {
    const Fd fd = TRY(open_new(draft_at, mode)); // there may be an interrupted predecessor's
    // Whatever the umask; setting it in vain would be a transaction of the filesystem.
    if ((TRY(stat_of(fd)).st_mode & 07777U) != mode && ::fchmod(fd.get(), mode) == -1) {
      return errno_error("set the mode of {}", draft);
    }
    TRY(write_all(fd, content).within(draft));
    if (durable == Durable::yes && ::fsync(fd.get()) == -1) {
      return errno_error("sync {}", draft);
    }
    return rename_at(draft_at, at);
  };
  auto filled = fill();
  if (!filled) {
    std::ignore = unlink_at(draft_at);
    return filled;
  }
  if (durable == Durable::yes && ::fsync(at.dir.get()) == -1) {
    return errno_error("sync the directory of {}", at.name);
  }
  return {};
}

Result<void> replace_file(const fs::path& path, std::string_view content, mode_t mode,
                          Durable durable) {
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const Fd dir = TRY(open_dir(parent));
  const std::string name = path.filename().native();
  return replace_file_at({dir, name}, content, mode, durable).within(parent.native());
}

Result<void> make_dir_at(At at, mode_t mode) {
  if (::mkdirat(at.dir.get(), at.name.c_str(), mode) == -1) {
    return errno_error("make directory {}", at.name);
  }
  count_made();
  // Whatever the umask; setting it in vain would be a transaction of the filesystem.
  const struct stat found = TRY(stat_at(at));
  if ((found.st_mode & kPermissionBits) == mode) {
    return {};
  }
  // Who may write to the parent can have put a symlink in its place.
  return ::fchmodat(at.dir.get(), at.name.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0
             ? Result<void>()
             : errno_error("set mode of {}", at.name);
}

Result<void> ensure_dir_at(At at, mode_t mode) {
  auto made = make_dir_at(at, mode);
  if (!made && made.error().is(std::errc::file_exists)) {
    const struct stat found = TRY(stat_at(at));
    return S_ISDIR(found.st_mode) ? Result<void>() : std::move(made);
  }
  return made;
}

Result<void> link_at(At from, At to) {
  if (::linkat(from.dir.get(), from.name.c_str(), to.dir.get(), to.name.c_str(), 0) == -1) {
    return errno_error("link {} to {}", from.name, to.name);
  }
  return {};
}

Result<void> symlink_at(const std::string& target, At to) {
  if (::symlinkat(target.c_str(), to.dir.get(), to.name.c_str()) == -1) {
    return errno_error("make symlink {}", to.name);
  }
  count_made();
  return {};
}

Result<void> make_node_at(At at, mode_t type_and_mode, dev_t device) {
  if (::mknodat(at.dir.get(), at.name.c_str(), type_and_mode, device) == -1) {
    return errno_error("make node {}", at.name);
  }
  count_made();
  return {};
}

Result<void> rename_at(At from, At to) {
  if (::renameat(from.dir.get(), from.name.c_str(), to.dir.get(), to.name.c_str()) == -1) {
    return errno_error("rename {} to {}", from.name, to.name);
  }
  return {};
}

Result<void> rename_new_at(At from, At to) {
  if (::renameat2(from.dir.get(), from.name.c_str(), to.dir.get(), to.name.c_str(),
                  RENAME_NOREPLACE) == 0) {
    return {};
  }
  return errno == EINVAL || may_be_refusal(errno)
             ? rename_at(from, to)
             : errno_error("rename {} to {}", from.name, to.name);
}

Result<void> exchange_at(At one, At other) {
  if (::renameat2(one.dir.get(), one.name.c_str(), other.dir.get(), other.name.c_str(),
                  RENAME_EXCHANGE) == -1) {
    return errno_error("exchange {} and {} (renameat2)", one.name, other.name);
  }
  return {};
}

Result<void> unlink_at(At at) {
  if (::unlinkat(at.dir.get(), at.name.c_str(), 0) == -1) {
    return errno_error("unlink {}", at.name);
  }
  return {};
}

Result<std::string> read_link_at(At at) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t size = ::readlinkat(at.dir.get(), at.name.c_str(), target.data(), target.size());
    if (size == -1) {
      return errno_error("read link {}", at.name);
    }
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      return target;
    }
    target.resize(target.size() * 2); // it may have been cut
  }
}

Result<struct stat> stat_of(const Fd& fd) {
  struct stat found {};
  if (::fstat(fd.get(), &found) == -1) {
    return errno_error("stat");
  }
  return found;
}

Result<struct stat> stat_at(At at) {
  struct stat found {};
  if (::fstatat(at.dir.get(), at.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == -1) {
    return errno_error("stat {}", at.name);
  }
  return found;
}

Result<bool> exists_at(At at) {
  const auto found = stat_at(at);
  if (found) {
    return true;
  }
  if (found.error().is(std::errc::no_such_file_or_directory)) {
    return false;
  }
  return found.error();
}

Result<fs::path> canonical_path(const fs::path& path) {
  // Boost's asks statx, which seccomp filters refuse.
  const std::unique_ptr<char, decltype(&::free)> found(::realpath(path.c_str(), nullptr), &::free);
  if (!found) {
    return errno_error("find {}", path.native());
  }
  return fs::path(found.get());
}

Result<void> make_dirs(const fs::path& path, mode_t mode) {
  fs::path sofar;
  for (const fs::path& part : path) {
    sofar /= part;
    if (::mkdir(sofar.c_str(), mode) == 0) {
      if (::chmod(sofar.c_str(), mode) == -1) {
        return errno_error("set mode of {}", sofar.native());
      }
    } else if (errno != EEXIST) {
      return errno_error("make directory {}", sofar.native());
    }
  }
  struct stat found {};
  if (::stat(path.c_str(), &found) == -1 || !S_ISDIR(found.st_mode)) {
    return Error("make directory " + path.native(), ENOTDIR);
  }
  return {};
}

Result<void> set_owner_at(At at, uid_t uid, gid_t gid) {
  if (::fchownat(at.dir.get(), at.name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) == -1) {
    return errno_error("set owner of {}", at.name);
  }
  return {};
}

Result<void> set_mode_at(At at, mode_t mode) {
  // fchmodat follows symlinks; callers name what they have just made, or know its type.
  if (::fchmodat(at.dir.get(), at.name.c_str(), mode & kPermissionBits, 0) == -1) {
    return errno_error("set mode of {}", at.name);
  }
  return {};
}

Result<void> set_times_at(At at, timespec accessed, timespec modified) {
  const std::array<timespec, 2> times = {accessed, modified};
  if (::utimensat(at.dir.get(), at.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == -1) {
    return errno_error("set times of {}", at.name);
  }
  return {};
}

Result<FreeSpace> free_space(const Fd& fd) {
  struct statvfs found {};
  if (::fstatvfs(fd.get(), &found) == -1) {
    return errno_error("stat filesystem");
  }
  // btrfs says 0 of 0: it makes inodes as they are needed.
  const std::uint64_t inodes =
      found.f_files == 0 ? std::numeric_limits<std::uint64_t>::max() : found.f_favail;
  return FreeSpace{static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize, inodes};
}

std::string random_hex(std::size_t count) {
  std::vector<unsigned char> bytes(count);
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got = ::getrandom(bytes.data() + have, count - have, 0);
    have += static_cast<std::size_t>(std::max<ssize_t>(got, 0)); // only EINTR can fail here
  }
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex += fmt::format("{:02x}", byte);
  }
  return hex;
}

} // namespace dind::sys
