#include <fuzz/target.hpp>

#include <sys/mount.hpp>

namespace dind::fuzz {
namespace {

void run_mountinfo(std::string_view input) {
  std::ignore = sys::parse_mountinfo(input);
}

const Target kTargetMountinfo("mountinfo", run_mountinfo);

} // namespace
} // namespace dind::fuzz
