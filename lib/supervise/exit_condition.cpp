#include <supervise/exit_condition.hpp>

#include <base/log.hpp>
#include <supervise/other_containers.hpp>

#include <utility>

namespace dind::supervise {

void IdleWait::begin(IdleRequest request, std::function<void()> then) {
  cancel();
  child_ = supervisor_.run_in_child(
      [request = std::move(request)]() {
        wait_until_idle(request);
        return std::string("idle");
      },
      [this, then = std::move(then)](const std::string& answer) {
        child_ = 0;
        if (!answer.empty()) {
          then();
        }
      });
}

void IdleWait::cancel() {
  supervisor_.cancel(std::exchange(child_, 0));
}

bool ExitCondition::begin() {
  if (setting_.on == config::ExitOn::main) {
    await_others();
  }
  return setting_.on == config::ExitOn::file && await_file();
}

bool ExitCondition::await_file() {
  auto opened = sys::PathWatch::open(setting_.path);
  if (!opened) {
    board_.warn("DIND_EXIT_WITH: " + opened.error().describe());
    return false;
  }
  marker_.emplace(std::move(opened).value());
  supervisor_.watch(marker_->fd(), [this]() {
    if (file_is_there()) {
      supervisor_.finish(0, setting_.path + " is there");
    }
  });
  const bool is_there = file_is_there();
  if (is_there) {
    log::info("{} is there already: dockerd is not started", setting_.path);
  }
  return is_there;
}

// Stops watching once the file is there, or cannot be looked at.
bool ExitCondition::file_is_there() {
  const auto exists = marker_->exists();
  if (!exists) {
    board_.warn("DIND_EXIT_WITH: " + exists.error().describe());
  }
  if (!exists || *exists) {
    supervisor_.forget(marker_->fd());
  }
  return exists && *exists;
}

void ExitCondition::await_others() {
  supervisor_.run_in_child(
      []() {
        const auto ended = wait_for_others_to_end();
        return ended ? *ended : "";
      },
      [this](const std::string& who) {
        if (who.empty()) {
          return board_.warn("DIND_EXIT_WITH=main: other processes cannot be watched");
        }
        supervisor_.finish(0, fmt::format("{} of another container has ended", who));
      });
}

} // namespace dind::supervise
