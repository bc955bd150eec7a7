#include <store/root_lock.hpp>

#include <store/layout.hpp>
#include <sys/file.hpp>
#include <sys/lock.hpp>

#include <thread>

namespace dind::store {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);

} // namespace

Result<Fd> lock_data_root(const Fd& data_root, std::chrono::milliseconds patience) {
  const std::string own = kOwnDir;
  const Fd dir = TRY(sys::open_dir_at({data_root, own}));
  const std::string name = "lock";
  Fd lock = TRY(sys::open_at({dir, name}, O_RDWR | O_CREAT, 0600));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!TRY(sys::try_lock(lock).within(own + "/" + name))) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error("lock the data root: another dind-init uses it", EBUSY);
    }
    std::this_thread::sleep_for(kPause);
  }
  return lock;
}

} // namespace dind::store
