#include <supervise/other_containers.hpp>

#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/process.hpp>

#include <fmt/format.h>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <thread>

namespace dind::supervise {
namespace {

constexpr auto kLookPause = std::chrono::milliseconds(500);
constexpr std::size_t kNameLimit = 4096;

std::string name_of(pid_t pid) {
  auto name = sys::read_file(fmt::format("/proc/{}/comm", pid), kNameLimit);
  if (!name) {
    return "?";
  }
  std::string text = std::move(name).value();
  return text.substr(0, text.find('\n'));
}

bool is_main_of_another(const Process& process, const Process& self) {
  return process.parent == 0 && process.pid != 1 && process.pid != self.pid &&
         !process.mount_namespace.empty() && process.mount_namespace != self.mount_namespace;
}

// Nothing if it has gone meanwhile.
std::optional<Process> process_of(const Fd& proc, const std::string& number) {
  Process process;
  const char* const end = number.data() + number.size();
  if (std::from_chars(number.data(), end, process.pid).ptr != end) {
    return std::nullopt;
  }
  const auto stat = sys::read_process_stat(process.pid);
  if (!stat) {
    return std::nullopt;
  }
  process.parent = stat->parent;
  process.started = stat->start_ticks;
  const auto dir = sys::open_beneath(proc, number + "/ns", O_PATH | O_DIRECTORY);
  const std::string mnt = "mnt";
  if (auto link = dir ? sys::read_link_at({*dir, mnt}) : Result<std::string>(dir.error())) {
    process.mount_namespace = std::move(link).value();
  }
  return process;
}

} // namespace

std::vector<pid_t> other_main_processes(const std::vector<Process>& all, const Process& self) {
  std::vector<const Process*> mains; // one for each mount namespace
  for (const Process& process : all) {
    if (!is_main_of_another(process, self)) {
      continue;
    }
    const auto same = std::find_if(mains.begin(), mains.end(), [&](const Process* main) {
      return main->mount_namespace == process.mount_namespace;
    });
    if (same == mains.end()) {
      mains.push_back(&process);
    } else if (process.started < (*same)->started) {
      *same = &process;
    }
  }
  std::vector<pid_t> pids;
  for (const Process* main : mains) {
    pids.push_back(main->pid);
  }
  return pids;
}

Result<std::vector<Process>> list_processes() {
  const Fd proc = TRY(sys::open_dir("/proc"));
  std::vector<Process> all;
  const auto entries = TRY(sys::list_dir(proc));
  for (const sys::DirEntry& entry : entries) {
    if (auto process = process_of(proc, entry.name)) {
      all.push_back(*std::move(process));
    }
  }
  return all;
}

Result<std::string> wait_for_others_to_end() {
  std::string ended;
  const pid_t us = ::getppid(); // this runs in a task: its parent is dind-init
  for (;;) {
    const auto all = TRY(list_processes());
    const auto self =
        std::find_if(all.begin(), all.end(), [us](const Process& one) { return one.pid == us; });
    if (self == all.end()) {
      return input_error("process {} is not in /proc", us);
    }
    const auto others = other_main_processes(all, *self);
    if (others.empty() && !ended.empty()) {
      return ended;
    }
    if (others.empty()) {
      std::this_thread::sleep_for(kLookPause);
      continue;
    }
    const Fd watched(static_cast<int>(::syscall(SYS_pidfd_open, others.front(), 0)));
    if (!watched) {
      std::this_thread::sleep_for(
          kLookPause); // it has gone, or cannot be watched: the next look tells
      continue;
    }
    pollfd polled{watched.get(), POLLIN, 0};
    // A runtime's own program is there first, for some milliseconds.
    std::string name = name_of(others.front());
    if (::poll(&polled, 1, static_cast<int>(kLookPause.count())) == 0) {
      name = name_of(others.front());
    }
    ended = fmt::format("{} (process {})", name, others.front());
    ::poll(&polled, 1, -1);
  }
}

} // namespace dind::supervise
