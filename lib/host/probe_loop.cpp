#include <host/rungs.hpp>

#include <host/ext4.hpp>
#include <sys/loop.hpp>
#include <sys/mount.hpp>

#include <unistd.h>

namespace dind::host {
namespace {

constexpr std::uint64_t kBytes = 16U << 20U; // sparse, and enough for mkfs.ext4

const std::string kImage = "image";
const std::string kTarget = "mounted";
const std::string kFile = "file";

} // namespace

Result<void> try_loop(const Scratch& outer) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "loop", {kTarget}));
  const Fd image =
      TRY(sys::open_at({scratch.dir(), kImage}, O_RDWR | O_CREAT | O_EXCL | O_NOCTTY, 0600));
  TRY(make_ext4(image, kBytes));
  const Fd target = TRY(sys::open_dir_at({scratch.dir(), kTarget}));
  const sys::fs::path path = TRY(real_path(target));
  const auto device = TRY(sys::LoopDevice::attach(image));
  if (const auto mounted = sys::mount(device.path(), path, "ext4", 0, kExt4Options); !mounted) {
    return Error("mount ext4 on a loop device", mounted.error().code());
  }
  const Mounted mounted(path);
  const Fd root = TRY(sys::open_dir_at({scratch.dir(), kTarget}));
  return sys::create_file_at({root, kFile}, "written", 0644);
}

} // namespace dind::host
