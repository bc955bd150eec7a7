#include <supervise/hooks.hpp>

#include <base/log.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/spawn.hpp>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace dind::supervise {
namespace {

constexpr auto kHookLookPause = std::chrono::milliseconds(10);

// The same as below where nothing can be told by a descriptor.
void look_for_end(pid_t pid, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  siginfo_t ended{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         ended.si_pid == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kHookLookPause);
  }
}

// Waits until `pid` is dead, and leaves it to be reaped, or until the time is over.
void wait_for_end(pid_t pid, std::chrono::milliseconds patience) {
  const Fd watched(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!watched) { // a seccomp filter
    look_for_end(pid, patience);
    return;
  }
  pollfd polled{watched.get(), POLLIN, 0};
  while (::poll(&polled, 1, static_cast<int>(patience.count())) == -1 && errno == EINTR) {
  }
}

// "" if it went well.
std::string run_hook(const fs::path& hook, const HookSetting& setting) {
  const std::string name = hook.native();
  const auto pid = sys::spawn(
      {name}, {.mask = setting.mask, .environment = setting.environment, .dies_with_parent = true});
  if (!pid) {
    return pid.error().describe();
  }
  wait_for_end(*pid, setting.patience);
  int raw = 0;
  bool was_late = false;
  while (::waitpid(*pid, &raw, was_late ? 0 : WNOHANG) == 0) {
    was_late = true;
    ::kill(-*pid, SIGKILL);
  }
  if (was_late) {
    const std::chrono::duration<double> limit = setting.patience;
    return fmt::format("hook {} was killed after {} s", name, limit.count());
  }
  const int code = sys::ExitStatus::from_wait(raw).code;
  return code == 0 ? "" : fmt::format("hook {} ended with {}", name, code);
}

} // namespace

Result<Hooks> find_hooks(const fs::path& dir) {
  const auto opened = sys::open_dir(dir);
  if (!opened) {
    return opened.error().is(std::errc::no_such_file_or_directory) ? Result<Hooks>(Hooks{})
                                                                   : opened.error();
  }
  Hooks hooks;
  const auto entries = TRY(sys::list_dir(*opened));
  for (const sys::DirEntry& entry : entries) {
    const fs::path path = dir / entry.name;
    struct stat found {};
    if (entry.name.starts_with('.') || ::stat(path.c_str(), &found) == -1 ||
        !S_ISREG(found.st_mode)) {
      continue;
    }
    if (::access(path.c_str(), X_OK) == 0) {
      hooks.run.push_back(path);
    } else {
      hooks.skipped.push_back(path.native());
    }
  }
  return hooks;
}

std::vector<std::string> run_hooks(const HookSetting& setting) {
  const auto hooks = find_hooks(setting.dir);
  if (!hooks) {
    return {hooks.error().describe()};
  }
  std::vector<std::string> failures;
  for (const std::string& name : hooks->skipped) {
    failures.push_back(fmt::format("hook {} is not executable", name));
  }
  for (const fs::path& hook : hooks->run) {
    log::info("running {}: the engine serves", hook.native());
    if (std::string failure = run_hook(hook, setting); !failure.empty()) {
      failures.push_back(std::move(failure));
    }
  }
  return failures;
}

} // namespace dind::supervise
