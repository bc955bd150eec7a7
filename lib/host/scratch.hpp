#pragma once

#include <sys/file.hpp>

#include <string>
#include <vector>

namespace dind::host {

// A directory to try things in. It goes with its owner, with all that was left in it.
class Scratch {
public:
  // Below `parent`, under a name of its own. Removes what killed predecessors left:
  // an owner holds a lock (flock) on its directory.
  static Result<Scratch> make(const Fd& parent);
  // Under the given name, with these directories in it.
  static Result<Scratch> make_inside(const Scratch& outer, const std::string& name,
                                     const std::vector<std::string>& dirs = {});

  Scratch(Scratch&&) = default;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  const Fd& dir() const { return dir_; }

private:
  Scratch(Fd parent, std::string name) : parent_(std::move(parent)), name_(std::move(name)) {}
  Fd parent_;
  std::string name_;
  Fd dir_;
};

// Undoes a mount when it goes.
class Mounted {
public:
  explicit Mounted(sys::fs::path target) : target_(std::move(target)) {}
  Mounted(Mounted&& other) noexcept;
  Mounted& operator=(Mounted&&) = delete;
  ~Mounted();

private:
  sys::fs::path target_;
};

// A path for our own mount(2) that needs no escaping and cannot be swapped underneath us.
std::string proc_path(const Fd& fd);
// The same for another process, as long as this one has `fd` open.
Result<std::string> shared_path(const Fd& fd);

// The path that `fd` was opened on, which goes on leading there when something is
// mounted over it.
Result<sys::fs::path> real_path(const Fd& fd);

} // namespace dind::host
