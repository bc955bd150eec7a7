#include <blobs/blob_mount.hpp>

#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <sys/mount.h>
#include <unistd.h>

namespace dind::blobs {
namespace {

constexpr const char* kDevice = "/dev/fuse";
constexpr const char* kSource = "dind-init";
constexpr const char* kType = "fuse.dind-blobs";
constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
constexpr mode_t kMode = 0755;

Reason no_device(const Error& error) {
  const bool no_driver =
      error.is(std::errc::no_such_device) || error.is(std::errc::no_such_device_or_address);
  return {fmt::format("{}: {}", error.describe(),
                      no_driver ? "the host's kernel has no FUSE, or its module is not loaded"
                                : "the container needs that device")};
}

Reason no_mount(const Error& error) {
  return {error.is(std::errc::operation_not_permitted)
              ? error.describe() + ": the container needs CAP_SYS_ADMIN"
              : error.describe()};
}

} // namespace

Result<Fd, Reason> mount_blobs(const fs::path& target) {
  unmount_blobs(target);
  auto device = sys::open_path(kDevice, O_RDWR);
  if (!device) {
    return no_device(device.error());
  }
  if (const auto made = sys::make_dirs(target, kMode); !made) {
    return Reason{made.error().describe()};
  }
  const std::string options =
      fmt::format("fd={},rootmode=40000,user_id={},group_id={},allow_other,default_permissions",
                  device->get(), ::geteuid(), ::getegid());
  if (const auto mounted = sys::mount(kSource, target, kType, kFlags, options); !mounted) {
    return no_mount(mounted.error());
  }
  return std::move(device).value();
}

void unmount_blobs(const fs::path& target) {
  while (sys::unmount(target)) {
    // a mount may hide others
  }
}

} // namespace dind::blobs
