#include <host/probe_fuse.hpp>

#include <host/union_dirs.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>
#include <sys/spawn.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <tuple>

namespace dind::host {
namespace {

constexpr const char* kProgram = "fuse-overlayfs";
constexpr std::size_t kCommandLimit = 64U << 10U;
constexpr int kPatience = 5000; // ms, for a process that has lost its mount

// The process whose command line names `target`, by descriptor; none if it has ended. It
// put itself into the background, so that its pid is not known.
Fd find_server(const std::string& target) {
  const auto proc = sys::open_dir("/proc");
  const auto entries = proc ? sys::list_dir(*proc) : proc.error();
  if (!entries) {
    return {};
  }
  for (const sys::DirEntry& entry : *entries) {
    if (std::isdigit(static_cast<unsigned char>(entry.name.front())) == 0) {
      continue;
    }
    const auto command = sys::read_file("/proc/" + entry.name + "/cmdline", kCommandLimit);
    if (command && command->starts_with(kProgram) && command->find(target) != std::string::npos) {
      const long pid = std::strtol(entry.name.c_str(), nullptr, 10);
      return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    }
  }
  return {};
}

bool has_ended(const Fd& server) {
  pollfd polled = {server.get(), POLLIN, 0};
  return ::poll(&polled, 1, kPatience) == 1;
}

// A mount and the process that serves it; both are gone when this is.
class Served {
public:
  explicit Served(const sys::fs::path& target)
      : target_(target), server_(find_server(target.native())) {}
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served() {
    std::ignore = sys::unmount(target_);
    if (!server_) {
      return;
    }
    if (!has_ended(server_)) {
      ::syscall(SYS_pidfd_send_signal, server_.get(), SIGKILL, nullptr, 0);
      has_ended(server_);
    }
    // PID 1 has inherited it, and reaps it here; in another process this fails (ECHILD).
    siginfo_t ended{};
    ::waitid(P_PIDFD, static_cast<id_t>(server_.get()), &ended, WEXITED | WNOHANG);
  }

private:
  sys::fs::path target_;
  Fd server_;
};

} // namespace

Result<void> try_fuse_overlayfs(const Scratch& outer, const std::string& sample) {
  TRY(sys::open_path("/dev/fuse", O_RDWR));
  // The driver unpacks such marks, and on an overlay no others can be made.
  const UnionDirs dirs = TRY(UnionDirs::make(outer, "fuse", MarkStyle::name, sample));
  const std::string marks = TRY(shared_path(dirs.marks()));
  const std::string lower = TRY(shared_path(dirs.lower()));
  const std::string upper = TRY(shared_path(dirs.upper()));
  const std::string work = TRY(shared_path(dirs.work()));
  std::string lowers = marks + ":" + lower;
  if (dirs.sample()) {
    lowers = TRY(shared_path(*dirs.sample())) + ":" + lowers;
  }
  const sys::fs::path target = TRY(real_path(dirs.merged()));
  const std::string options =
      fmt::format("lowerdir={},upperdir={},workdir={}", lowers, upper, work);
  const sys::Finished started = TRY(sys::run({kProgram, "-o", options, target.native()}));
  const Served served(target);
  if (started.status.code != 0) {
    return input_error("{} ended with {}: {}", kProgram, started.status.code,
                       started.output.substr(0, started.output.find('\n')));
  }
  return dirs.check_view();
}

} // namespace dind::host
