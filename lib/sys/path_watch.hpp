#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

namespace dind::sys {

namespace fs = boost::filesystem;

// Waits for a path to appear, by events (inotify) of the deepest of its directories that exists.
class PathWatch {
public:
  static Result<PathWatch> open(fs::path path);

  const Fd& fd() const { return fd_; } // readable when `exists` is worth asking

  // Takes the events, and looks. An error is that no directory can be watched.
  Result<bool> exists();

private:
  PathWatch(Fd fd, fs::path path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Result<void> aim();

  Fd fd_;
  fs::path path_;
  fs::path watched_;
  int watch_ = -1;
};

} // namespace dind::sys
