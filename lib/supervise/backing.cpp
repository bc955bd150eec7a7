#include <supervise/backing.hpp>

#include <host/scratch.hpp>
#include <sys/file.hpp>

#include <fcntl.h>

#include <thread>

#include <fmt/format.h>

namespace dind::supervise {
namespace {

std::string describe(const host::BackingSpace& space) {
  return fmt::format("the data root is a sparse file that may yet claim {} bytes, and {} are free "
                     "below it: writes will fail when those are used up",
                     space.unclaimed, space.free);
}

} // namespace

Backing look_at_backing(const host::LoopRoot& root) {
  Backing found;
  const auto space = host::backing_space(root.backing);
  if (!space) {
    return found;
  }
  if (space->is_low() || (root.is_new && space->is_overdrawn())) {
    found.warning = describe(*space);
  }
  if (!space->is_low()) {
    auto file = sys::open_path(host::proc_path(root.backing), O_PATH);
    found.to_watch = file ? std::move(file).value() : Fd();
  }
  return found;
}

std::string wait_until_low(const Fd& file, std::chrono::milliseconds pause) {
  for (;;) {
    const auto space = host::backing_space(file);
    if (space && space->is_low()) {
      return describe(*space);
    }
    std::this_thread::sleep_for(pause);
  }
}

} // namespace dind::supervise
