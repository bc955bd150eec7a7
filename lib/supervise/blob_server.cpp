#include <supervise/blob_server.hpp>

#include <base/log.hpp>
#include <blobs/blob_mount.hpp>
#include <supervise/end_child.hpp>

#include <sys/prctl.h>

#include <thread>
#include <utility>

namespace dind::supervise {
namespace {

constexpr const char* kConsequence =
    "borrowed images cannot be pushed, saved or exported by a build";

} // namespace

BlobServer::BlobServer(init::Supervisor& supervisor, boost::filesystem::path mount_point,
                       std::vector<blobs::BlobSource> sources, Warn warn)
    : supervisor_(supervisor), mount_point_(std::move(mount_point)), sources_(std::move(sources)),
      warn_(std::move(warn)) {}

void BlobServer::begin() {
  if (!sources_.empty()) {
    start();
  }
}

void BlobServer::start() {
  auto mounted = blobs::mount_blobs(mount_point_);
  if (!mounted) {
    return give_up(mounted.error().why);
  }
  Fd device = std::move(mounted).value(); // the server's alone, or its end would not be noticed
  back_off_.started();
  server_ = supervisor_.run_in_child(
      [this, &device]() {
        ::prctl(PR_SET_NAME, "dind-blobs");
        std::this_thread::sleep_for(back_off_.pause());
        const auto served = blobs::serve_blobs(std::move(device), sources_);
        return served ? std::string() : served.error().describe();
      },
      [this](const std::string& reason) { died(reason); });
  if (server_ == 0) {
    give_up("no process can be started");
  }
}

void BlobServer::died(const std::string& reason) {
  server_ = 0;
  if (!reason.empty()) {
    return give_up(reason);
  }
  back_off_.died();
  const std::string what = "the server of layers' blobs has died, and is started again: a push, "
                           "save or build that read one has failed";
  if (std::exchange(has_died_, true)) {
    log::warn("{}", what);
  } else {
    warn_(what);
  }
  start();
}

// Opening a file that is missing is an error, where one of a mount without a server would be, too.
void BlobServer::give_up(const std::string& why) {
  blobs::unmount_blobs(mount_point_);
  warn_(fmt::format("{}: {}", kConsequence, why));
}

void BlobServer::finish() {
  if (server_ == 0) {
    return;
  }
  end_child(supervisor_, std::exchange(server_, 0));
  blobs::unmount_blobs(mount_point_);
}

} // namespace dind::supervise
