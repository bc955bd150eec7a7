#pragma once

#include <base/environment.hpp>
#include <base/fd.hpp>
#include <base/log.hpp>
#include <base/result.hpp>
#include <blobs/blob_server.hpp>
#include <config/settings.hpp>
#include <supervise/registry_server.hpp>

#include <signal.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::supervise {

// What the boot leaves to the supervising stage, which starts as a fresh program: a boot
// has used threads and megabytes, and PID 1 lives for months.
struct Handover {
  config::SupervisionSettings settings;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::logfmt;
  std::vector<std::string> argv; // of dockerd
  Environment environment;       // of dockerd
  std::string runtime_dir;
  std::string data_root;
  std::string loop_root;    // the data root, if it was put on a loop device; else empty
  std::string promote;      // the driver whose borrowed layers may be promoted; else empty
  std::string status;       // the report so far
  long long started_ns = 0; // of the steady clock
  sigset_t mask{};          // from before all signals were blocked

  std::vector<blobs::BlobSource> blobs; // symlinks of the store lead to them: blobs::kMountName
  RegistryPlan registry;

  Fd runtime; // runtime_dir, in whose place another container that shares /run may put its own
  Fd lock;    // on the data root; none if nothing was seeded
  Fd backing; // the file of the loop root, if it is to be watched
  std::vector<Fd> sockets;
};

// As text without descriptors: "key=value", each ended by a NUL, in which values may have any
// other byte. `parse_handover` takes over what descriptors it names.
std::string print_handover(const Handover& handover);
Result<Handover> parse_handover(std::string_view text);

// Starts this program anew with the state in a sealed memfd. Signals stay blocked, and those
// that wait go on waiting. Returns only if it cannot be done.
Error reexec(const Handover& handover);

// The state, if these are the arguments of a program that was started anew.
std::optional<Result<Handover>> take_handover(std::span<const std::string> arguments);

} // namespace dind::supervise
