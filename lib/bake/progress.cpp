#include <bake/progress.hpp>

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace dind::bake {
namespace {

using namespace std::chrono_literals;

constexpr auto kRedraw = 100ms;
constexpr auto kPlainInterval = 5s;
constexpr unsigned kBarWidth = 24;
constexpr unsigned kNarrowest = 60; // columns that a line with a bar needs

unsigned columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

std::string readable_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 999.95 && unit + 1 < kUnits.size()) {
    amount /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string readable_time(std::chrono::seconds time) {
  const auto seconds = time.count();
  if (seconds < 60) {
    return fmt::format("{} s", seconds);
  }
  if (seconds < 3600) {
    return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  }
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

Progress::Progress(ProgressStyle style, int fd)
    : fd_(fd), kind_(style == ProgressStyle::none                             ? Kind::none
                     : style == ProgressStyle::automatic && ::isatty(fd) == 1 ? Kind::bar
                                                                              : Kind::plain) {}

Progress::~Progress() {
  finish();
}

void Progress::spooled(std::uint64_t bytes) {
  done_ = bytes;
  show(&Progress::spool_state);
}

void Progress::begin(std::uint64_t bytes_in_all) {
  in_all_ = bytes_in_all;
  done_ = 0;
  began_ = Clock::now();
}

void Progress::add(std::uint64_t bytes) {
  done_ += bytes;
  show(&Progress::state);
}

void Progress::say(std::string_view line) {
  if (kind_ == Kind::none) {
    return;
  }
  const std::lock_guard lock(drawing_);
  erase();
  put(fmt::format("{}\n", line));
}

void Progress::finish() {
  const std::lock_guard lock(drawing_);
  erase();
}

// Whoever finds somebody else drawing leaves it to them.
void Progress::show(std::string (Progress::*what)(Clock::time_point) const) {
  const std::unique_lock lock(drawing_, std::try_to_lock);
  if (kind_ == Kind::none || !lock) {
    return;
  }
  const auto now = Clock::now();
  if (now - last_shown_ < (kind_ == Kind::bar ? Clock::duration(kRedraw) : kPlainInterval)) {
    return;
  }
  last_shown_ = now;
  const std::string text = (this->*what)(now);
  if (kind_ == Kind::plain) {
    put(text + "\n");
    return;
  }
  put("\r\x1b[K" + text);
  drawn_ = true;
}

std::string Progress::spool_state(Clock::time_point) const {
  return fmt::format("reading the archive: {}", readable_size(done_));
}

std::string Progress::state(Clock::time_point now) const {
  const std::uint64_t done = std::min<std::uint64_t>(done_, in_all_);
  const double share = in_all_ == 0 ? 1 : static_cast<double>(done) / static_cast<double>(in_all_);
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string text =
      fmt::format("{:3.0f} %  {} of {}  {}/s", share * 100, readable_size(done),
                  readable_size(in_all_), readable_size(static_cast<std::uint64_t>(rate)));
  if (rate > 0) {
    const auto left = static_cast<long>(static_cast<double>(in_all_ - done) / rate);
    text += fmt::format("  {} left", readable_time(std::chrono::seconds(left)));
  }
  if (kind_ == Kind::bar) {
    const unsigned columns = columns_of(fd_);
    if (columns >= kNarrowest + kBarWidth) {
      const auto full = static_cast<std::size_t>(share * kBarWidth);
      text = fmt::format("[{}{}] {}", std::string(full, '#'), std::string(kBarWidth - full, '.'),
                         text);
    }
    text.resize(std::min<std::size_t>(text.size(), columns - 1)); // a wrapped line stays behind
  }
  return text;
}

void Progress::erase() {
  if (drawn_) {
    put("\r\x1b[K");
    drawn_ = false;
  }
}

void Progress::put(std::string_view text) const {
  // Nobody is waiting for it: what cannot be written is not.
  std::ignore = ::write(fd_, text.data(), text.size());
}

} // namespace dind::bake
