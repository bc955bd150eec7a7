#include <sys/boot_id.hpp>

#include <sys/file.hpp>

namespace dind::sys {

Result<std::string> kernel_boot_id() {
  constexpr std::size_t kLimit = 128;
  std::string id = TRY(read_file("/proc/sys/kernel/random/boot_id", kLimit));
  id.erase(id.find_last_not_of('\n') + 1);
  return id;
}

} // namespace dind::sys
