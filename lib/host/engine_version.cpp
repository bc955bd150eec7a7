#include <host/engine_version.hpp>

#include <host/go_build_info.hpp>
#include <sys/file.hpp>
#include <sys/spawn.hpp>
#include <sys/workers.hpp>

#include <chrono>
#include <cstdlib>

namespace dind::host {
namespace {

// A script in dockerd's place may know nothing of the question, and start an engine.
constexpr auto kAnswerTime = std::chrono::seconds(2);

// The number behind the first `before` in `text`.
EngineVersion version_behind(const std::string& text, std::string_view before) {
  const auto at = text.find(before);
  const unsigned long major =
      at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + before.size(), nullptr, 10);
  return major == 0 ? EngineVersion() : EngineVersion{major, major};
}

} // namespace

std::optional<bool> EngineVersion::is_at_least(unsigned long major) const {
  return oldest >= major  ? std::optional(true)
         : newest < major ? std::optional(false)
                          : std::nullopt;
}

EngineVersion version_by_build(std::string_view build_info) {
  const std::string text(build_info);
  const EngineVersion flagged = version_behind(text, "/dockerversion.Version=");
  if (flagged != EngineVersion()) {
    return flagged;
  }
  if (text.starts_with("path\tgithub.com/moby/moby/v2/")) {
    return {.oldest = kFirstByContainerdStore};
  }
  if (text.starts_with("path\tgithub.com/docker/docker/")) {
    return {.newest = kFirstByContainerdStore - 1};
  }
  return {};
}

EngineVersion version_by_file() {
  const auto path = sys::find_program("dockerd");
  const auto file = path ? sys::open_path(*path, O_RDONLY | O_NONBLOCK) : path.error();
  const auto build_info = file ? read_go_build_info(*file) : file.error();
  return build_info ? version_by_build(*build_info) : EngineVersion();
}

EngineVersion version_by_answer(const std::string& answer) {
  return version_behind(answer, "version ");
}

VersionQuestion::VersionQuestion() {
  const auto ask = [this] {
    const auto answer = sys::run({"dockerd", "--version"}, kAnswerTime);
    found_ = answer ? version_by_answer(answer->output) : EngineVersion();
  };
  thread_ = sys::start_thread(ask);
  if (!thread_) {
    ask();
  }
}

EngineVersion VersionQuestion::answer() {
  if (thread_ && thread_->joinable()) {
    thread_->join();
  }
  return found_;
}

} // namespace dind::host
