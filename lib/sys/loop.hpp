#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <optional>
#include <string>

namespace dind::sys {

// A device node that is there while this exists: made if it was missing, as it is
// where a container's /dev is a snapshot of older days, and then removed again.
class DeviceNode {
public:
  static Result<DeviceNode> ensure(const std::string& path, mode_t type, dev_t device);
  DeviceNode(DeviceNode&& other) noexcept;
  DeviceNode& operator=(DeviceNode&&) = delete;
  ~DeviceNode();

  void keep() { made_.clear(); }

  DeviceNode() = default; // of a device that was there

private:
  std::string made_; // empty if it was there
};

// A block device over a file. The kernel detaches it (autoclear) as soon as it is
// neither open nor mounted: this need not outlive the mount, and a namespace that
// dies leaves nothing attached. Reads and writes bypass the page cache of the
// file's filesystem where that can do it.
class LoopDevice {
public:
  // To one that is free, by /dev/loop-control; where a container may not use it, or has no more
  // than some devices, to one of these.
  static Result<LoopDevice> attach(const Fd& file);

  const std::string& path() const { return path_; } // "/dev/loop3"
  void keep_node() { node_.keep(); }                // for those who look at the mount later

private:
  static Result<std::optional<Fd>> take(const std::string& path, const Fd& file);
  static Result<LoopDevice> attach_free(const Fd& file);
  static Result<LoopDevice> attach_given(const Fd& file, Error refusal);
  LoopDevice(Fd device, std::string path, DeviceNode node);

  Fd device_;
  std::string path_;
  DeviceNode node_;
};

} // namespace dind::sys
