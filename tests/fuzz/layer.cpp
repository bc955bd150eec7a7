#include <fuzz/target.hpp>

#include <support/layer.hpp>
#include <support/temp_dir.hpp>
#include <fuzz/checksums.hpp>

namespace dind::fuzz {
namespace {

// They would only test the kernel.
Result<void> set_no_xattr(sys::At, const std::string&, const archive::Xattr&) {
  return {};
}

// A tar that unpacks must be made again to the byte.
void run_layer(std::string_view input) {
  const std::string tar = with_checksums(std::string(input));
  if (!test::members_of(tar)) {
    return;
  }
  const test::TempDir dir("/dev/shm");
  test::RecordingMarks marks;
  const auto tar_split = test::unpack(tar, dir.fd(), marks, set_no_xattr);
  if (!tar_split) {
    return;
  }
  const auto again = test::make_again(*tar_split, dir.fd());
  require(again && *again == tar);
}

const Target kTargetLayer("layer", run_layer);

} // namespace
} // namespace dind::fuzz
