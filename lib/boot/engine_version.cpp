#include <boot/engine_version.hpp>

#include <sys/spawn.hpp>
#include <sys/workers.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

namespace dind::boot {
namespace {

// "Docker version 28.5.2, build 89c5e8f".
std::optional<unsigned long> major_of(const std::string& text) {
  constexpr std::string_view kBefore = "version ";
  const auto at = text.find(kBefore);
  const unsigned long major =
      at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + kBefore.size(), nullptr, 10);
  return major == 0 ? std::nullopt : std::optional(major);
}

} // namespace

EngineVersion::EngineVersion() {
  const auto ask = [this] {
    const auto answer = sys::run({"dockerd", "--version"});
    found_ = answer ? major_of(answer->output) : std::nullopt;
  };
  thread_ = sys::start_thread(ask);
  if (!thread_) {
    ask();
  }
}

std::optional<unsigned long> EngineVersion::major() {
  if (thread_ && thread_->joinable()) {
    thread_->join();
  }
  return found_;
}

} // namespace dind::boot
