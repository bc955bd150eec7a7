#include <init/supervisor.hpp>

#include <base/log.hpp>
#include <init/reaper.hpp>
#include <sys/signal_name.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace dind::init {
namespace {

constexpr short kGone = POLLHUP | POLLRDHUP | POLLERR | POLLNVAL;
constexpr std::size_t kAnswerLimit = 256U << 10U;

int poll_timeout(std::optional<Time> deadline) {
  if (!deadline) {
    return -1;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
  return static_cast<int>(std::clamp<long long>(left.count(), 0, 1'000'000));
}

void write_answer(int fd, const std::string& answer) {
  std::size_t done = 0;
  while (done < answer.size()) {
    const ssize_t put = ::write(fd, answer.data() + done, answer.size() - done);
    if (put == -1 && errno != EINTR) {
      return;
    }
    done += put > 0 ? static_cast<std::size_t>(put) : 0;
  }
}

} // namespace

Supervisor::Supervisor(const SignalSource& signals, Policy policy, Service service)
    : signals_(signals), lifecycle_(std::move(policy)), service_(std::move(service)) {}

int Supervisor::run() {
  if (const auto stop = SignalSource::pending_stop()) {
    log::warn("stopped before it was started");
    return sys::kSignalBase + *stop;
  }
  start_main();
  while (!code_) {
    turn();
  }
  if (group_ > 0) {
    ::kill(-group_, SIGTERM); // ESRCH mostly: no process is left
  }
  return *code_;
}

// Watches before signals: an answer is read before its task is reaped.
void Supervisor::turn() {
  std::vector<pollfd> polled = {{signals_.fd().get(), POLLIN, 0}};
  for (const Watch& watch : watches_) {
    polled.push_back({watch.fd, POLLIN | POLLRDHUP, 0});
  }
  wait_for_something(polled);
  for (const pollfd& seen : std::span(polled).subspan(1)) {
    if (seen.revents == 0) {
      continue;
    }
    const auto is_it = [&](const Watch& watch) { return watch.fd == seen.fd; };
    const auto found = std::find_if(watches_.begin(), watches_.end(), is_it);
    if (found == watches_.end()) {
      continue; // another watch has let go of it in this very turn
    }
    const auto readable = found->readable; // it may add watches
    if ((seen.revents & kGone) != 0) {
      watches_.erase(found); // a hang-up is never over: it would be reported at once, for ever
    }
    if ((seen.revents & (POLLIN | kGone)) != 0) {
      readable();
    }
  }
  if (polled.front().revents != 0) {
    take_signal();
  }
  heed(lifecycle_.time(Clock::now()));
}

void Supervisor::wait_for_something(std::vector<pollfd>& polled) {
  if (::poll(polled.data(), polled.size(), poll_timeout(lifecycle_.deadline())) >= 0) {
    return;
  }
  for (pollfd& one : polled) {
    one.revents = 0;
  }
  if (errno != EINTR) {
    // Without poll the signals still arrive, one blocking read at a time.
    log::warn("{}", errno_error("poll while supervising").describe());
    polled.front().revents = POLLIN;
  }
}

void Supervisor::take_signal() {
  const Result<Signal> signal = signals_.next();
  if (!signal) {
    log::warn("{}", signal.error().describe());
    return;
  }
  if (signal->number == SIGCHLD) {
    if (const auto ended = reap_all(main_)) {
      main_ = 0;
      if (main_has_terminal_) {
        ::tcsetpgrp(STDIN_FILENO, ::getpgrp()); // to be given to the next one
      }
      heed(lifecycle_.died(ended->code, Clock::now()));
    }
    return;
  }
  // A signal that we caused, such as SIGPIPE by a closed log, is not the service's.
  if (signal->sender != ::getpid()) {
    heed(lifecycle_.signal(signal->number, Clock::now()));
  }
}

void Supervisor::watch(const Fd& fd, std::function<void()> readable) {
  watches_.push_back({fd.get(), std::move(readable)});
}

pid_t Supervisor::run_in_child(const Work& work, OnResult on_result) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) == -1) {
    log::warn("{}", errno_error("make a pipe").describe());
    return 0;
  }
  Fd reader(ends[0]);
  const Fd writer(ends[1]);
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK); // of this end alone
  const pid_t pid = ::fork();
  if (pid == -1) {
    log::warn("{}", errno_error("fork").describe());
    return 0;
  }
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (service_.task) {
      service_.task();
    }
    const auto answer = [&]() noexcept { return work(); }; // or it would end as a second PID 1
    write_answer(writer.get(), answer());
    ::_exit(0);
  }
  tasks_.push_back(std::make_unique<Task>(
      Task{.pid = pid, .fd = std::move(reader), .text = "", .on_result = std::move(on_result)}));
  watch(tasks_.back()->fd, [this, pid]() { read_task(pid); });
  return pid;
}

void Supervisor::read_task(pid_t pid) {
  const auto found = find_task(pid);
  std::array<char, 4096> chunk{};
  ssize_t got = 0;
  while ((got = ::read((*found)->fd.get(), chunk.data(), chunk.size())) > 0) {
    const std::size_t room = kAnswerLimit - (*found)->text.size();
    (*found)->text.append(chunk.data(), std::min(static_cast<std::size_t>(got), room));
  }
  if (got == -1 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  const auto task = std::move(*found);
  forget(task->fd);
  tasks_.erase(found);
  task->on_result(task->text);
}

Supervisor::Tasks::iterator Supervisor::find_task(pid_t pid) {
  return std::find_if(tasks_.begin(), tasks_.end(),
                      [pid](const auto& task) { return task->pid == pid; });
}

void Supervisor::forget(const Fd& fd) {
  std::erase_if(watches_, [&](const Watch& watch) { return watch.fd == fd.get(); });
}

void Supervisor::cancel(pid_t pid) {
  const auto found = find_task(pid);
  if (found == tasks_.end()) {
    return; // it has on_result
  }
  forget((*found)->fd);
  tasks_.erase(found);
  ::kill(pid, SIGKILL);
}

void Supervisor::ready() {
  heed(lifecycle_.ready());
}

void Supervisor::idle(std::string why) {
  heed(lifecycle_.idle(std::move(why), Clock::now()));
}

void Supervisor::finish(int code, std::string why) {
  heed(lifecycle_.finish(code, std::move(why), Clock::now()));
}

void Supervisor::send(int signal) {
  if (main_ > 0) {
    ::kill(main_, signal); // ESRCH cannot be: only we reap it
  }
}

void Supervisor::heed(const Decision& decision) {
  if (!decision.why.empty() && log::is_on(decision.level)) {
    log::write(decision.level, decision.why);
  }
  // Before the steps: clients are sent elsewhere before the service gets its signal.
  if (std::exchange(told_, lifecycle_.stage()) != lifecycle_.stage() && service_.entered) {
    service_.entered(decision.why);
  }
  for (const Step& step : decision.steps) {
    do_step(step);
  }
}

void Supervisor::do_step(const Step& step) {
  const auto call = [](const std::function<void()>& part) {
    if (part) {
      part();
    }
  };
  switch (step.verb) {
  case Verb::start:
    return start_main();
  case Verb::send:
    return send(step.number);
  case Verb::reload:
    return service_.reload ? service_.reload() : send(SIGHUP);
  case Verb::drain:
    return call(service_.drain);
  case Verb::close:
    return call(service_.close);
  case Verb::end:
    code_ = step.number;
  }
}

void Supervisor::start_main() {
  lifecycle_.started(Clock::now());
  heed({});
  const auto main = service_.start();
  if (!main) {
    log::error("{}", main.error().describe());
    return heed(lifecycle_.died(sys::exit_code_for(main.error()), Clock::now()));
  }
  main_ = *main;
  group_ = *main;
  main_has_terminal_ = ::tcgetpgrp(STDIN_FILENO) == group_;
}

} // namespace dind::init
