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

std::optional<std::string> backing_warning(const host::LoopRoot& root) {
  const auto space = host::backing_space(root.backing);
  const bool is_worth_it = space && (space->is_low() || (root.is_new && space->is_overdrawn()));
  return is_worth_it ? std::optional(describe(*space)) : std::nullopt;
}

Fd backing_to_watch(const host::LoopRoot& root) {
  const auto space = host::backing_space(root.backing);
  if (!space || space->is_low()) {
    return {};
  }
  auto file = sys::open_path(host::proc_path(root.backing), O_PATH);
  return file ? std::move(file).value() : Fd();
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
