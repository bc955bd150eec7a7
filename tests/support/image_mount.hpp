#pragma once

#include <support/temp_dir.hpp>

#include <boost/filesystem/path.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dind::test {

// Enters a mount namespace of this process' own, once: what a test leaves mounted goes
// with the process, and the host never sees it. False without the privilege.
bool enter_mount_namespace();

// A filesystem of its own in a sparse file, on a loop device. Unmounted and gone with its owner.
class ImageMount {
public:
  // mkfs.<type> with its further arguments. `is_mounted` tells whether all that worked.
  explicit ImageMount(const std::string& type, const std::vector<std::string>& mkfs_options = {},
                      std::uint64_t bytes = 512U << 20U);
  ~ImageMount();
  ImageMount(const ImageMount&) = delete;
  ImageMount& operator=(const ImageMount&) = delete;

  bool is_mounted() const { return mounted_; }
  const boost::filesystem::path& path() const { return path_; }

private:
  TempDir dir_;
  boost::filesystem::path path_;
  bool mounted_ = false;
};

} // namespace dind::test
