#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <init/lifecycle.hpp>
#include <init/signals.hpp>
#include <sys/spawn.hpp>

#include <poll.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dind::init {

// What is supervised. All of it is called from `Supervisor::run`, must not block, and
// may be left out, but `start`.
struct Service {
  std::function<Result<pid_t>()> start; // a child that leads a process group of its own
  std::function<void(const std::string& why)> entered; // a new stage
  std::function<void()> reload; // in the place of forwarding SIGHUP; to end in `send(SIGHUP)`
  std::function<void()> drain;  // to end in `idle`
  std::function<void()> task;   // in the child for one, first: lets go what it must not hold
  std::function<void()> close;  // what clients connect to: no restart follows
};

// Keeps a service running as a Lifecycle decides: forwards every signal once, reaps every
// child, restarts or stops. One thread, and no wake-up while nothing happens. Nothing but
// the lifecycle's end ends it: when PID 1 exits, the kernel kills every container, so
// failures are logged and survived.
class Supervisor {
public:
  Supervisor(const SignalSource& signals, Policy policy, Service service);

  // Runs the service to its end: the exit code is its own, 0-255, or 128 + the signal that
  // killed it, or what `finish` said; 143 and the like where it was stopped before it was ready;
  // 126 or 127 if it could not be started. What is left of its group then gets SIGTERM.
  int run();

  pid_t main() const { return main_; } // 0 while it does not run
  const Lifecycle& lifecycle() const { return lifecycle_; }

  // Serves a descriptor. `readable` takes what is there, without blocking and without
  // throwing; it is called again while more is left. One that has hung up is read for the last
  // time and then let go. The caller keeps `fd` open.
  void watch(const Fd& fd, std::function<void()> readable);
  void forget(const Fd& fd);

  // Has `work` done by a forked child, which gets no signals and may block and wait as it
  // likes, and hands what it returned to `on_result`, or "" if it died. One that is called off is
  // killed and never heard of.
  using Work = std::function<std::string()>;
  using OnResult = std::function<void(const std::string&)>;
  pid_t run_in_child(const Work& work, OnResult on_result);
  void cancel(pid_t task);

  // What happened. See Lifecycle.
  void ready();
  void idle(std::string why);
  void finish(int code, std::string why);
  void send(int signal); // to the service, if it runs

private:
  struct Watch {
    int fd;
    std::function<void()> readable;
  };
  struct Task {
    pid_t pid;
    Fd fd;
    std::string text;
    OnResult on_result;
  };

  using Tasks = std::vector<std::unique_ptr<Task>>;

  void turn();
  void wait_for_something(std::vector<pollfd>& polled);
  void take_signal();
  void read_task(pid_t pid);
  Tasks::iterator find_task(pid_t pid);
  void heed(const Decision& decision);
  void do_step(const Step& step);
  void start_main();

  const SignalSource& signals_;
  Lifecycle lifecycle_;
  Stage told_ = Stage::starting; // the last one that `entered` has heard of
  Service service_;
  std::vector<Watch> watches_;
  Tasks tasks_;
  pid_t main_ = 0;
  pid_t group_ = 0; // of the last service that ran
  bool main_has_terminal_ = false;
  std::optional<int> code_;
};

} // namespace dind::init
