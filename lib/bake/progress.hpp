#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::bake {

enum class ProgressStyle { automatic, plain, json, none };

// A line of a terminal of `columns`: as many of `pieces` as fit, the first one always, and in front
// of them a bar for `part` of 1, if there is one and the room for it. Pure.
std::string draw_line(const std::vector<std::string>& pieces, std::optional<double> part,
                      std::size_t columns);

// Tells how far a bake is, stage by stage: on a terminal one line that is drawn over and over
// and stays when its stage is over; otherwise a line now and then; or, for programs, the same as
// JSON, one object a line. Safe from any thread.
class Progress {
public:
  // `automatic` is the line that moves if `fd` is a terminal.
  Progress(ProgressStyle style, int fd);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // While a stream of unknown length is taken in.
  void spooled(std::uint64_t bytes);
  // Another stage: the one before is done.
  void begin(std::string_view stage, std::uint64_t bytes_in_all);
  void add(std::uint64_t bytes);
  // The last stage is done.
  void done();
  // A line that stays, such as "alpine:3.20 is done"; not with `none`.
  void say(std::string_view line);
  // Takes the moving line away.
  void finish();

private:
  using Clock = std::chrono::steady_clock;
  enum class Kind { bar, plain, json, none };
  enum class Ended { no, yes };

  void show();
  void end_stage(); // `drawing_` is held
  std::vector<std::string> pieces(Clock::time_point now) const;
  double part() const; // where it is known how much there is
  std::string bar(Clock::time_point now) const;
  std::string document(Clock::time_point now, Ended ended) const;
  double seconds(Clock::time_point now) const;
  void erase();
  void put(std::string_view text) const;

  const int fd_;
  const Kind kind_;
  std::string stage_;        // empty: none
  std::uint64_t in_all_ = 0; // 0: not known
  std::atomic<std::uint64_t> done_{0};
  Clock::time_point began_ = Clock::now();
  std::mutex drawing_;
  Clock::time_point last_shown_ = Clock::now();
  bool drawn_ = false;
};

} // namespace dind::bake
