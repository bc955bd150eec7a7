#pragma once

#include <init/supervisor.hpp>
#include <blobs/blob_server.hpp>
#include <supervise/back_off.hpp>

#include <boost/filesystem/path.hpp>

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace dind::supervise {

// Keeps the blobs of borrowed layers readable, which symlinks of the containerd store lead to:
// mounts their file system, and keeps a process that serves it. PID 1 mounts, so that the files are
// there before dockerd starts, and the process needs no right to. PID 1 opens nothing below the
// mount, and so never waits for the process.
//
// One that dies is started again, on a mount of its own, since what was open in the old one has
// failed, after a pause if it died early (BackOff). A blob that is opened meanwhile waits, which is
// better than an archive of `docker save` that ends early.
class BlobServer {
public:
  using Warn = std::function<void(std::string)>;

  // Without `sources` there is nothing to do, and nothing is mounted. `warn` is for the report.
  BlobServer(init::Supervisor& supervisor, boost::filesystem::path mount_point,
             std::vector<blobs::BlobSource> sources, Warn warn);

  // Before the service starts.
  void begin();
  // After it has ended.
  void finish();

private:
  void start();
  void died(const std::string& reason);
  void give_up(const std::string& why);

  init::Supervisor& supervisor_;
  const boost::filesystem::path mount_point_;
  const std::vector<blobs::BlobSource> sources_;
  const Warn warn_;
  pid_t server_ = 0; // 0: none runs
  bool has_died_ = false;
  BackOff back_off_;
};

} // namespace dind::supervise
