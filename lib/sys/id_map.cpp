#include <sys/id_map.hpp>

#include <sys/file.hpp>

#include <fmt/format.h>

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace dind::sys {
namespace {

// A process in a user namespace of its own, which does nothing: a map can be written, and the
// namespace opened, only while it has a process.
class Inhabitant {
public:
  static Result<Inhabitant> settle() {
    // fork(2) with a flag. Other threads may hold any lock, so that the child only makes
    // system calls.
    const long pid = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0);
    if (pid == -1) {
      return errno_error("make a user namespace");
    }
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) {
        ::pause();
      }
    }
    return Inhabitant(static_cast<pid_t>(pid));
  }

  Inhabitant(Inhabitant&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Inhabitant& operator=(Inhabitant&&) = delete;
  ~Inhabitant() {
    if (pid_ == 0) {
      return;
    }
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) == -1 && errno == EINTR) {
    }
  }

  fs::path in_proc(const char* name) const { return fmt::format("/proc/{}/{}", pid_, name); }

private:
  explicit Inhabitant(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

// A mount shows what is stored as ID n of a namespace as what that is outside of it, and here what
// is stored as an outer ID is to be seen as the inner one: the map, turned around. The kernel takes
// it in one write.
Result<void> write_turned(const fs::path& file, const std::vector<IdRange>& ranges) {
  std::string text;
  for (const IdRange& range : ranges) {
    text += fmt::format("{} {} {}\n", range.outside, range.inside, range.count);
  }
  const Fd opened = TRY(open_path(file, O_WRONLY));
  return write_all(opened, text).within(file.native());
}

} // namespace

Result<Fd> make_id_shift(const IdMap& map) {
  const Inhabitant inhabitant = TRY(Inhabitant::settle());
  TRY(write_turned(inhabitant.in_proc("uid_map"), map.users));
  TRY(write_turned(inhabitant.in_proc("gid_map"), map.groups));
  return open_path(inhabitant.in_proc("ns/user"), O_RDONLY);
}

Result<Fd> open_mapped(const Fd& dir, const Fd& id_shift) {
  Fd tree(::open_tree(dir.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree) {
    return errno_error("clone a mount");
  }
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(id_shift.get());
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) == -1) {
    return errno_error("map the IDs of a mount");
  }
  return tree;
}

} // namespace dind::sys
