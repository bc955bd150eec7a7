#include <support/image_mount.hpp>

#include <sys/mount.hpp>
#include <sys/spawn.hpp>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <tuple>

namespace dind::test {
namespace {

bool runs(const std::vector<std::string>& argv) {
  const auto finished = sys::run(argv);
  return finished && finished->status.code == 0;
}

} // namespace

bool enter_mount_namespace() {
  static const bool kEntered = ::unshare(CLONE_NEWNS) == 0 &&
                               ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) == 0;
  return kEntered;
}

ImageMount::ImageMount(const std::string& type, const std::vector<std::string>& mkfs_options,
                       std::uint64_t bytes)
    : path_(dir_.make_dir("mounted")) {
  const std::string image = dir_.write("image", "").native();
  std::vector<std::string> mkfs = {"mkfs." + type, "-q"};
  mkfs.insert(mkfs.end(), mkfs_options.begin(), mkfs_options.end());
  mkfs.push_back(image);
  mounted_ = ::truncate(image.c_str(), static_cast<off_t>(bytes)) == 0 && runs(mkfs) &&
             runs({"mount", "-o", "loop", image, path_.native()});
}

ImageMount::~ImageMount() {
  if (mounted_) {
    std::ignore = sys::unmount(path_);
  }
}

} // namespace dind::test
