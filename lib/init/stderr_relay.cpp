#include <init/stderr_relay.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>
#include <tuple>
#include <vector>

namespace dind::init {
namespace {

constexpr std::size_t kRemembered = 8192;
constexpr std::size_t kLineLimit = 500;
constexpr char kEnd = '\0';
constexpr int kPatience = 500; // milliseconds, for a log whose reader is slow

// A standard error whose reader has gone must not end the service.
void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
    if (put == -1 && errno != EINTR) {
      return;
    }
    text.remove_prefix(put > 0 ? static_cast<std::size_t>(put) : 0);
  }
}

} // namespace

struct StderrRelay::Memory {
  std::atomic<bool> is_over;
  std::atomic<std::size_t> written;
  std::array<char, kRemembered> ring;

  void add(std::string_view text) {
    const std::size_t start = written.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < text.size(); ++i) {
      ring[(start + i) % ring.size()] = text[i];
    }
    written.store(start + text.size(), std::memory_order_release);
  }

  std::string text() const {
    const std::size_t end = written.load(std::memory_order_acquire);
    std::string out;
    for (std::size_t at = end - std::min(end, ring.size()); at < end; ++at) {
      out += ring[at % ring.size()];
    }
    return out;
  }
};

Result<StderrRelay> StderrRelay::open() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) == -1) {
    return errno_error("make a pipe");
  }
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  void* const memory =
      ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return errno_error("map memory");
  }
  return StderrRelay(std::move(reader), std::move(writer), ::new (memory) Memory{});
}

StderrRelay::StderrRelay(StderrRelay&& other) noexcept
    : reader_(std::move(other.reader_)), writer_(std::move(other.writer_)),
      memory_(std::exchange(other.memory_, nullptr)) {}

StderrRelay::~StderrRelay() {
  if (memory_) {
    ::munmap(memory_, sizeof(Memory));
  }
}

void StderrRelay::pass_on() {
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t got = ::read(reader_.get(), chunk.data(), chunk.size());
    if (got == 0 || (got == -1 && errno != EINTR)) {
      return;
    }
    std::string_view text(chunk.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    const bool is_last = text.ends_with(kEnd) && memory_->is_over.load();
    text.remove_suffix(is_last ? 1 : 0);
    memory_->add(text);
    write_out(text);
    if (is_last) {
      return;
    }
  }
}

// The end is a byte in the pipe, for others (shims that outlive the daemon) may keep it open.
void StderrRelay::finish() {
  memory_->is_over.store(true);
  pollfd polled{writer_.get(), POLLOUT, 0};
  if (::poll(&polled, 1, kPatience) == 1) {
    std::ignore = ::write(writer_.get(), &kEnd, 1);
  }
}

std::string StderrRelay::last_lines(std::size_t count) const {
  const std::string text = memory_->text();
  std::string_view rest = text;
  std::vector<std::string_view> lines;
  while (!rest.empty() && lines.size() < count) {
    const std::size_t cut = rest.rfind('\n');
    const std::string_view line = cut == std::string_view::npos ? rest : rest.substr(cut + 1);
    if (!line.empty()) {
      lines.push_back(line.substr(0, kLineLimit));
    }
    rest = rest.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
  std::string out;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    out += out.empty() ? "" : " | ";
    out += *line;
  }
  return out;
}

} // namespace dind::init
