#include <sys/confinement.hpp>

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace dind::sys {
namespace {

constexpr unsigned kNobody = 65534;

Result<void> keep_only(unsigned capability) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> held = {};
  held[0].permitted = held[0].effective = 1U << capability;
  if (::syscall(SYS_capset, &header, held.data()) == -1) {
    return errno_error("drop capabilities");
  }
  return {};
}

} // namespace

Result<void> confine_to_reading() {
  if (::unshare(CLONE_NEWNET) == -1) {
    return errno_error("leave the network");
  }
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 || ::setgroups(0, nullptr) == -1 ||
      ::setresgid(kNobody, kNobody, kNobody) == -1 ||
      ::setresuid(kNobody, kNobody, kNobody) == -1) {
    return errno_error("become user {}", kNobody);
  }
  TRY(keep_only(CAP_DAC_READ_SEARCH));
  // The kernel forgot the parent when the user changed.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1) {
    return errno_error("confine a process");
  }
  return {};
}

} // namespace dind::sys
