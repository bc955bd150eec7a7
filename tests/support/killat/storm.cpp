#include "storm.hpp"

#include <linux/futex.h>
#include <linux/magic.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace {

// Moves bytes, or parts of a vector, and may move fewer than it was asked to.
struct Transfer {
  Call call;
  std::size_t count;        // the argument that says how many
  std::uint64_t fewest = 1; // with less than that it fails
};

// A directory's record with the longest name.
constexpr std::uint64_t kLongestRecord = 280;

constexpr std::array kTransfers = {Transfer{CALL(read), 2},
                                   Transfer{CALL(pread64), 2},
                                   Transfer{CALL(readv), 2},
                                   Transfer{CALL(preadv), 2},
                                   Transfer{CALL(preadv2), 2},
                                   Transfer{CALL(write), 2},
                                   Transfer{CALL(pwrite64), 2},
                                   Transfer{CALL(writev), 2},
                                   Transfer{CALL(pwritev), 2},
                                   Transfer{CALL(pwritev2), 2},
                                   Transfer{CALL(sendfile), 3},
                                   Transfer{CALL(splice), 4},
                                   Transfer{CALL(copy_file_range), 4},
                                   Transfer{CALL(getrandom), 1},
                                   Transfer{CALL(getdents64), 2, kLongestRecord}};

// What signal(7) and the calls' own pages say ends with EINTR after a signal's handler, beside
// reads and writes of pipes. Not these:
// - openat(2): it waits for a fifo's other end, for no file on a disk;
// - reads, writes and fsync(2) of such files: Linux lets no signal interrupt them;
// - close(2): it has closed when it says so;
// - what is printed: it may wait for ever for a reader, and then the signal is to end the program.
constexpr std::array kWaits = {
    CALL(accept),     CALL(accept4),   CALL(clock_nanosleep), CALL(connect),  CALL(epoll_pwait),
    CALL(epoll_wait), CALL(fallocate), CALL(fcntl),           CALL(flock),    CALL(futex),
    CALL(nanosleep),  CALL(poll),      CALL(ppoll),           CALL(pselect6), CALL(recvfrom),
    CALL(recvmsg),    CALL(select),    CALL(sendmsg),         CALL(sendto),   CALL(wait4),
    CALL(waitid)};

enum class Kind { regular, of_the_kernel, directory, pipe, other };

bool is_of_the_kernel(const std::string& path) {
  struct statfs found {};
  if (::statfs(path.c_str(), &found) == -1) {
    return true;
  }
  const auto type = static_cast<std::uint64_t>(found.f_type);
  return type == PROC_SUPER_MAGIC || type == SYSFS_MAGIC || type == CGROUP2_SUPER_MAGIC;
}

Kind kind_of(pid_t thread, std::uint64_t descriptor) {
  const std::string path =
      "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(static_cast<int>(descriptor));
  struct stat found {};
  if (::stat(path.c_str(), &found) == -1) {
    return Kind::other;
  }
  switch (found.st_mode & S_IFMT) {
  case S_IFREG:
    return is_of_the_kernel(path) ? Kind::of_the_kernel : Kind::regular;
  case S_IFDIR:
    return Kind::directory;
  case S_IFIFO:
    return Kind::pipe;
  default:
    return Kind::other;
  }
}

// Messages and events come whole. What is written to /proc, and to a pipe that has room for all of
// it (pipe(7)), goes whole.
bool may_be_cut(const SystemCall& call) {
  if (call.number == SYS_getrandom) {
    return true;
  }
  switch (kind_of(call.thread, call.arguments[0])) {
  case Kind::regular:
  case Kind::directory:
    return true;
  case Kind::of_the_kernel:
    return call.number == SYS_read;
  case Kind::pipe:
    return call.number == SYS_read || (call.number == SYS_write && call.arguments[2] > PIPE_BUF);
  case Kind::other:
    return false;
  }
  return false;
}

bool prints(const SystemCall& call) {
  return (call.number == SYS_write || call.number == SYS_writev) &&
         (call.arguments[0] == STDOUT_FILENO || call.arguments[0] == STDERR_FILENO);
}

bool waits(const SystemCall& call) {
  const auto& arguments = call.arguments;
  switch (call.number) {
  case SYS_fcntl:
    return arguments[1] == F_SETLKW || arguments[1] == F_OFD_SETLKW;
  case SYS_flock:
    return (arguments[1] & LOCK_NB) == 0;
  case SYS_futex: {
    const int operation = static_cast<int>(arguments[1]) & FUTEX_CMD_MASK;
    return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
  }
  case SYS_poll:
    return arguments[2] != 0;
  case SYS_read:
  case SYS_readv:
  case SYS_sendfile:
  case SYS_splice:
  case SYS_write:
  case SYS_writev:
    return !prints(call) && kind_of(call.thread, arguments[0]) == Kind::pipe;
  case SYS_wait4:
    return (arguments[2] & WNOHANG) == 0;
  case SYS_waitid:
    return (arguments[3] & WNOHANG) == 0;
  default:
    return find_call(kWaits, call.number) != nullptr;
  }
}

const Transfer* find_transfer(std::uint64_t number) {
  const auto* const found =
      std::find_if(kTransfers.begin(), kTransfers.end(), [&](const Transfer& transfer) {
        return static_cast<std::uint64_t>(transfer.call.number) == number;
      });
  return found == kTransfers.end() ? nullptr : found;
}

std::string program_of(pid_t thread) {
  const std::string link = "/proc/" + std::to_string(thread) + "/exe";
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  return {path.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

} // namespace

std::vector<Call> Storm::calls() {
  std::vector<Call> all(kWaits.begin(), kWaits.end());
  for (const Transfer& transfer : kTransfers) {
    all.push_back(transfer.call);
  }
  return all;
}

void Storm::pass_over(const SystemCall& call, std::FILE* log) {
  const std::string program = program_of(call.thread);
  if (program_.empty()) {
    program_ = program;
  }
  if (program != program_) { // a shell that it started is not what is tested
    return;
  }
  const char* const name = find_call(calls(), call.number)->name;
  if (dice_() % 3 == 0 && waits(call)) {
    refuse(call, EINTR);
    std::fprintf(log, "interrupted %s\n", name);
    return;
  }
  const Transfer* const transfer = find_transfer(call.number);
  if (transfer == nullptr || !may_be_cut(call)) {
    return;
  }
  const std::uint64_t whole = call.arguments[transfer->count];
  const std::array parts = {whole, whole - 1, whole / 2, std::uint64_t{1}};
  const std::uint64_t part = std::max(parts[dice_() % parts.size()], transfer->fewest);
  if (part < whole) {
    set_argument(call, transfer->count, part);
    std::fprintf(log, "cut %s\n", name);
  }
}
