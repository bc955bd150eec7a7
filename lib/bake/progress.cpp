#include <bake/progress.hpp>

#include <base/json.hpp>
#include <base/readable.hpp>

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
constexpr auto kJsonInterval = 500ms;
constexpr std::string_view kReading = "reading";
constexpr std::size_t kWidestBar = 24;
constexpr std::size_t kNarrowestBar = 6;

unsigned columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

std::string draw_line(const std::vector<std::string>& pieces, std::optional<double> part,
                      std::size_t columns) {
  const std::size_t room = std::max<std::size_t>(columns, 1) - 1; // a wrapped line stays behind
  std::string line = pieces.empty() ? "" : pieces.front();
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (line.size() + pieces[i].size() + 2 > room) {
      break;
    }
    line += "  " + pieces[i];
  }
  constexpr std::size_t kFrame = 3; // brackets and a space
  if (part && line.size() + kFrame + kNarrowestBar <= room) {
    const std::size_t width = std::min(kWidestBar, room - line.size() - kFrame);
    const auto full = static_cast<std::size_t>(*part * static_cast<double>(width));
    line = fmt::format("[{}{}] {}", std::string(full, '#'), std::string(width - full, '.'), line);
  }
  line.resize(std::min(line.size(), room));
  return line;
}

Progress::Progress(ProgressStyle style, int fd)
    : fd_(fd), kind_(style == ProgressStyle::none                             ? Kind::none
                     : style == ProgressStyle::json                           ? Kind::json
                     : style == ProgressStyle::automatic && ::isatty(fd) == 1 ? Kind::bar
                                                                              : Kind::plain) {}

Progress::~Progress() {
  finish();
}

void Progress::spooled(std::uint64_t bytes) {
  if (stage_ != kReading || bytes < done_) {
    begin(kReading, 0);
  }
  done_ = bytes;
  show();
}

void Progress::begin(std::string_view stage, std::uint64_t bytes_in_all) {
  const std::lock_guard lock(drawing_);
  end_stage();
  stage_ = stage;
  in_all_ = bytes_in_all;
  done_ = 0;
  began_ = Clock::now();
}

void Progress::add(std::uint64_t bytes) {
  done_ += bytes;
  show();
}

void Progress::done() {
  const std::lock_guard lock(drawing_);
  end_stage();
}

void Progress::end_stage() {
  if (stage_.empty() || kind_ == Kind::none) {
    return;
  }
  erase();
  const auto now = Clock::now();
  put(kind_ == Kind::json
          ? document(now, Ended::yes)
          : fmt::format("{}: {} in {:.1f} s\n", stage_, readable_size(done_), seconds(now)));
  stage_.clear();
}

void Progress::say(std::string_view line) {
  if (kind_ == Kind::none) {
    return;
  }
  const std::lock_guard lock(drawing_);
  erase();
  put((kind_ == Kind::json ? json::print(json::object{{"message", line}}, json::Style::compact)
                           : std::string(line)) +
      "\n");
}

void Progress::finish() {
  const std::lock_guard lock(drawing_);
  erase();
}

// A thread that finds another one drawing does not draw.
void Progress::show() {
  const std::unique_lock lock(drawing_, std::try_to_lock);
  if (kind_ == Kind::none || !lock) {
    return;
  }
  const auto now = Clock::now();
  const Clock::duration pause = kind_ == Kind::bar    ? kRedraw
                                : kind_ == Kind::json ? kJsonInterval
                                                      : Clock::duration(kPlainInterval);
  if (now - last_shown_ < pause) {
    return;
  }
  last_shown_ = now;
  switch (kind_) {
  case Kind::bar:
    put("\r\x1b[K" + bar(now));
    drawn_ = true;
    break;
  case Kind::json:
    put(document(now, Ended::no));
    break;
  default:
    put(fmt::format("{}\n", fmt::join(pieces(now), "  ")));
  }
}

double Progress::seconds(Clock::time_point now) const {
  return std::chrono::duration<double>(now - began_).count();
}

std::string Progress::document(Clock::time_point now, Ended ended) const {
  json::object members{{"stage", stage_}, {"bytes", done_.load()}};
  if (in_all_ != 0) {
    members["bytes_in_all"] = in_all_;
  }
  members["seconds"] = seconds(now);
  if (ended == Ended::yes) {
    members["done"] = true;
  }
  return json::print(members, json::Style::compact) + "\n";
}

std::vector<std::string> Progress::pieces(Clock::time_point now) const {
  const std::uint64_t done = in_all_ == 0 ? done_.load() : std::min<std::uint64_t>(done_, in_all_);
  const double rate = seconds(now) > 0 ? static_cast<double>(done) / seconds(now) : 0;
  const std::string speed = readable_size(static_cast<std::uint64_t>(rate)) + "/s";
  if (in_all_ == 0) {
    return {fmt::format("{}: {}", stage_, readable_size(done)), speed};
  }
  std::vector<std::string> pieces = {
      fmt::format("{}: {:3.0f} %", stage_, part() * 100),
      fmt::format("{} of {}", readable_size(done), readable_size(in_all_)), speed};
  if (rate > 0) {
    const auto left = static_cast<long>(static_cast<double>(in_all_ - done) / rate);
    pieces.push_back(readable_time(std::chrono::seconds(left)) + " left");
  }
  return pieces;
}

double Progress::part() const {
  return static_cast<double>(std::min<std::uint64_t>(done_, in_all_)) /
         static_cast<double>(in_all_);
}

std::string Progress::bar(Clock::time_point now) const {
  return draw_line(pieces(now), in_all_ == 0 ? std::nullopt : std::optional(part()),
                   columns_of(fd_));
}

void Progress::erase() {
  if (drawn_) {
    put("\r\x1b[K");
    drawn_ = false;
  }
}

void Progress::put(std::string_view text) const {
  // Progress may be lost: a full or closed terminal does not stop the work.
  std::ignore = ::write(fd_, text.data(), text.size());
}

} // namespace dind::bake
