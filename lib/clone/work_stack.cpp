#include <clone/work_stack.hpp>

#include <sys/workers.hpp>

#include <chrono>
#include <exception>
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

bool WorkStack::do_next() {
  std::unique_lock lock(mutex_);
  pushed_.wait(lock, [this] { return !waiting_.empty() || unfinished_ == 0 || stopping_; });
  if (stopping_ || waiting_.empty()) {
    return false;
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
  return true;
}

void WorkStack::stop_if(const std::function<bool()>& interrupted) {
  if (interrupted()) {
    stop(Error("clone", ECANCELED));
  }
}

Result<void> WorkStack::run(unsigned threads, const std::function<bool()>& interrupted) {
  {
    const auto workers = sys::start_threads(threads, [this] {
      while (do_next()) {
      }
    });
    while (workers.empty() && do_next()) {
      stop_if(interrupted);
    }
    std::unique_lock lock(mutex_);
    while (unfinished_ > 0 && !stopping_) {
      finished_.wait_for(lock, kPoll);
      lock.unlock(); // `interrupted` is not ours, and may take its time
      stop_if(interrupted);
      lock.lock();
    }
  }
  waiting_.clear();
  return error_ ? Result<void>(*error_) : Result<void>();
}

} // namespace dind::clone
