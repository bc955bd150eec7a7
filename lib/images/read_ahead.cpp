#include <images/read_ahead.hpp>

#include <sys/workers.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace dind::images {
namespace {

constexpr std::size_t kBuffers = 4;
constexpr std::size_t kBufferSize = 256U << 10U;

} // namespace

struct ReadAhead::State {
  explicit State(archive::ByteSource& source) : inner(source) {
    for (auto& buffer : empty) {
      buffer.resize(kBufferSize);
    }
    thread = sys::start_thread([this] { fill_buffers(); });
  }

  ~State() {
    {
      const std::lock_guard lock(mutex);
      abandoned = true;
    }
    changed.notify_all();
  }

  struct Filled {
    std::vector<std::byte> bytes;
    std::size_t size = 0;
  };

  void fill_buffers() {
    for (;;) {
      std::vector<std::byte> buffer;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return abandoned || !empty.empty(); });
        if (abandoned) {
          return;
        }
        buffer = std::move(empty.back());
        empty.pop_back();
      }
      auto got = archive::read_fully(inner, buffer);
      const bool at_end = !got || *got < buffer.size();
      {
        const std::lock_guard lock(mutex);
        if (got) {
          filled.push_back({std::move(buffer), *got});
        } else {
          failure = std::move(got).error();
        }
        ended = at_end;
      }
      changed.notify_all();
      if (at_end) {
        return;
      }
    }
  }

  archive::ByteSource& inner;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::vector<std::byte>> empty{kBuffers};
  std::deque<Filled> filled;
  std::optional<Error> failure; // follows the filled buffers
  bool ended = false;           // nothing will be added to `filled`
  bool abandoned = false;
  Filled current; // the reader's own
  std::size_t used = 0;
  std::optional<std::jthread> thread; // last: it uses all of the above
};

ReadAhead::ReadAhead(archive::ByteSource& inner) : state_(std::make_unique<State>(inner)) {}
ReadAhead::~ReadAhead() = default;

Result<std::size_t> ReadAhead::read(std::span<std::byte> into) {
  State& s = *state_;
  if (!s.thread) {
    return s.inner.read(into);
  }
  if (s.used == s.current.size) {
    std::unique_lock lock(s.mutex);
    if (!s.current.bytes.empty()) {
      s.empty.push_back(std::exchange(s.current.bytes, {}));
      s.changed.notify_all();
    }
    s.current.size = 0;
    s.used = 0;
    s.changed.wait(lock, [&s] { return s.ended || !s.filled.empty(); });
    if (s.filled.empty()) {
      return s.failure ? Result<std::size_t>(*s.failure) : Result<std::size_t>(std::size_t{0});
    }
    s.current = std::move(s.filled.front());
    s.filled.pop_front();
  }
  const std::size_t size = std::min(into.size(), s.current.size - s.used);
  std::memcpy(into.data(), s.current.bytes.data() + s.used, size);
  s.used += size;
  return size;
}

} // namespace dind::images
