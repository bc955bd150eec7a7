#include <fuzz/target.hpp>

#include <daemon/engine_api.hpp>
#include <support/temp_dir.hpp>
#include <sys/listen.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace dind::fuzz {
namespace {

// Answers one connection with these bytes, whatever is asked.
void answer(const Fd& listener, std::string_view bytes) {
  const Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::array<char, 4096> request{};
  std::ignore = ::recv(client.get(), request.data(), request.size(), 0);
  std::ignore = ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

Fd blocking_listener(const boost::filesystem::path& path) {
  Fd listener = sys::listen_at(path, ::getegid(), 0600).value();
  require(::fcntl(listener.get(), F_SETFL, 0) == 0);
  return listener;
}

// The whole of what an engine sends, behind a byte that chooses what it was asked.
void run_engine_answer(std::string_view input) {
  static const test::TempDir dir("/dev/shm");
  static const Fd listener = blocking_listener(dir / "api.sock");
  if (input.empty()) {
    return;
  }
  std::thread engine([&] { answer(listener, input.substr(1)); });
  const daemon::EngineApi api(dir / "api.sock", std::chrono::seconds(1));
  switch (static_cast<unsigned char>(input.front()) % 8) {
  case 0:
    std::ignore = api.ping();
    break;
  case 1:
    std::ignore = api.version();
    break;
  case 2:
    std::ignore = api.storage();
    break;
  case 3:
    std::ignore = api.image("alpine:3.20");
    break;
  case 4:
    std::ignore = api.running_containers("ci.helper=1");
    break;
  case 5:
    std::ignore = api.open_requests();
    break;
  case 6:
    std::ignore = api.had_events({0, 0}, {1, 0}, "ci.helper=1");
    break;
  default:
    std::ignore = api.images();
  }
  engine.join();
}

const Target kTargetEngineAnswer("engine_answer", run_engine_answer);

} // namespace
} // namespace dind::fuzz
