#include <clone/work_stack.hpp>

#include <chrono>
#include <exception>
#include <thread>
#include <utility>

namespace dind::clone {
namespace {

constexpr std::chrono::milliseconds kPoll(20);

// No exception may leave a thread: it would end PID 1 without a word.
Result<void> carry_out(const WorkStack::Work& work) {
  try {
    return work();
  } catch (const std::exception& exception) {
    return Error(exception.what());
  }
}

} // namespace

void WorkStack::push(Work work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    ++unfinished_;
  }
  pushed_.notify_one();
}

void WorkStack::stop(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (!error_) {
      error_ = std::move(error);
    }
    stopping_ = true;
  }
  pushed_.notify_all();
  finished_.notify_all();
}

void WorkStack::work_until_done() {
  std::unique_lock lock(mutex_);
  for (;;) {
    pushed_.wait(lock, [this] { return !waiting_.empty() || unfinished_ == 0 || stopping_; });
    if (stopping_ || waiting_.empty()) {
      return;
    }
    Work work = std::move(waiting_.back());
    waiting_.pop_back();
    lock.unlock();
    auto done = carry_out(work);
    work = nullptr; // what it holds goes before it counts as finished
    if (!done) {
      stop(std::move(done).error());
    }
    lock.lock();
    if (--unfinished_ == 0) {
      pushed_.notify_all();
      finished_.notify_all();
    }
  }
}

Result<void> WorkStack::run(unsigned threads, const std::function<bool()>& interrupted) {
  std::vector<std::thread> workers;
  workers.reserve(threads);
  for (unsigned number = 0; number < threads; ++number) {
    try {
      workers.emplace_back([this] { work_until_done(); });
    } catch (const std::system_error& error) { // a pids limit; fewer threads do as well
      if (workers.empty()) {
        stop(Error("start a thread", error.code().value()));
      }
      break;
    }
  }
  {
    std::unique_lock lock(mutex_);
    while (unfinished_ > 0 && !stopping_) {
      finished_.wait_for(lock, kPoll);
      lock.unlock(); // `interrupted` is not ours, and may take its time
      if (interrupted()) {
        stop(Error("clone", ECANCELED));
      }
      lock.lock();
    }
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  waiting_.clear();
  return error_ ? Result<void>(*error_) : Result<void>();
}

} // namespace dind::clone
