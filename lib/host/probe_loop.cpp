#include <host/probe_loop.hpp>

#include <host/ext4.hpp>
#include <sys/loop.hpp>
#include <sys/mount.hpp>

#include <unistd.h>

namespace dind::host {
namespace {

constexpr std::uint64_t kBytes = 16U << 20U; // sparse, and enough for mkfs.ext4

const std::string kDisk = "image";
const std::string kMountPoint = "mounted";
const std::string kWritten = "file";

} // namespace

Result<void> try_loop(const Scratch& outer) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "loop", {kMountPoint}));
  const Fd image =
      TRY(sys::open_at({scratch.dir(), kDisk}, O_RDWR | O_CREAT | O_EXCL | O_NOCTTY, 0600));
  TRY(make_ext4(image, kBytes));
  const Fd target = TRY(sys::open_dir_at({scratch.dir(), kMountPoint}));
  const sys::fs::path path = TRY(real_path(target));
  const auto device = TRY(sys::LoopDevice::attach(image));
  if (const auto mounted = sys::mount(device.path(), path, "ext4", 0, kExt4Options); !mounted) {
    return Error("mount ext4 on a loop device", mounted.error().code());
  }
  const Mounted mounted(path);
  const Fd root = TRY(sys::open_dir_at({scratch.dir(), kMountPoint}));
  return sys::create_file_at({root, kWritten}, "written", 0644);
}

} // namespace dind::host
