#include <sys/loop.hpp>

#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <linux/loop.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <tuple>
#include <utility>

namespace dind::sys {
namespace {

constexpr const char* kControl = "/dev/loop-control";
constexpr unsigned kMiscMajor = 10;
constexpr unsigned kControlMinor = 237; // Documentation/admin-guide/devices.txt
constexpr mode_t kNodeMode = 0600;
// Others may take the free device between the question and its use.
constexpr int kDeviceAttempts = 64;

// The minor is not the device's number where the module was loaded with max_part.
dev_t device_number(int number) {
  const auto text = read_file(fmt::format("/sys/block/loop{}/dev", number), 64);
  const std::size_t colon = text ? text->find(':') : std::string::npos;
  const unsigned long minor = colon == std::string::npos
                                  ? static_cast<unsigned long>(number)
                                  : std::strtoul(text->c_str() + colon + 1, nullptr, 10);
  return ::makedev(LOOP_MAJOR, static_cast<unsigned>(minor));
}

Result<void> configure(const Fd& device, const Fd& file, unsigned flags) {
  loop_config config{};
  config.fd = static_cast<unsigned>(file.get());
  config.info.lo_flags = flags;
  if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == -1) {
    return errno_error("attach a loop device");
  }
  return {};
}

} // namespace

Result<DeviceNode> DeviceNode::ensure(const std::string& path, mode_t type, dev_t device) {
  DeviceNode node;
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) {
    if ((found.st_mode & S_IFMT) != type || found.st_rdev != device) {
      return Error("use " + path, ENOTBLK);
    }
    return node;
  }
  if (::mknod(path.c_str(), type | kNodeMode, device) == 0) {
    node.made_ = path;
  } else if (errno != EEXIST) { // devtmpfs may have been faster
    return errno_error("make node {}", path);
  }
  return node;
}

DeviceNode::DeviceNode(DeviceNode&& other) noexcept : made_(std::exchange(other.made_, {})) {}

DeviceNode::~DeviceNode() {
  if (!made_.empty()) {
    std::ignore = ::unlink(made_.c_str());
  }
}

LoopDevice::LoopDevice(Fd device, std::string path, DeviceNode node)
    : device_(std::move(device)), path_(std::move(path)), node_(std::move(node)) {}

// Whether the device at `path` was free, and is attached now.
Result<std::optional<Fd>> LoopDevice::take(const std::string& path, const Fd& file) {
  Fd device = TRY(open_path(path, O_RDWR));
  auto configured = configure(device, file, LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO);
  if (!configured && configured.error().is(std::errc::invalid_argument)) {
    configured = configure(device, file, LO_FLAGS_AUTOCLEAR); // no direct I/O on that file
  }
  if (configured) {
    return std::optional(std::move(device));
  }
  const bool is_in_use = configured.error().is(std::errc::device_or_resource_busy);
  return is_in_use ? Result<std::optional<Fd>>(std::nullopt) : std::move(configured).error();
}

Result<LoopDevice> LoopDevice::attach_free(const Fd& file) {
  const DeviceNode control_node =
      TRY(DeviceNode::ensure(kControl, S_IFCHR, ::makedev(kMiscMajor, kControlMinor)));
  const Fd control = TRY(open_path(kControl, O_RDWR));
  for (int attempt = 0; attempt < kDeviceAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number == -1) {
      return errno_error("find a free loop device");
    }
    std::string path = fmt::format("/dev/loop{}", number);
    DeviceNode node = TRY(DeviceNode::ensure(path, S_IFBLK, device_number(number)));
    if (auto device = TRY(take(path, file))) {
      return LoopDevice(std::move(*device), std::move(path), std::move(node));
    }
  }
  return Error("find a free loop device", EBUSY);
}

// `refusal` is why no other can be had.
Result<LoopDevice> LoopDevice::attach_given(const Fd& file, Error refusal) {
  const auto dev = open_dir("/dev");
  const auto entries = dev ? list_dir(*dev) : dev.error();
  std::size_t in_use = 0;
  for (std::size_t i = 0; entries && i < entries->size(); ++i) {
    const std::string& name = (*entries)[i].name;
    if (!name.starts_with("loop") || name.find_first_not_of("0123456789", 4) != name.npos) {
      continue;
    }
    std::string path = "/dev/" + name;
    auto device = take(path, file);
    if (device && *device) {
      return LoopDevice(std::move(**device), std::move(path), DeviceNode());
    }
    in_use += device ? 1U : 0U;
  }
  return in_use == 0
             ? std::move(refusal)
             : std::move(refusal).within(fmt::format(
                   "{} loop devices are in /dev, all in use, and no other can be had", in_use));
}

Result<LoopDevice> LoopDevice::attach(const Fd& file) {
  auto attached = attach_free(file);
  return attached ? std::move(attached) : attach_given(file, std::move(attached).error());
}

} // namespace dind::sys
