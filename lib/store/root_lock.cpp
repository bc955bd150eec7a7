#include <store/root_lock.hpp>

#include <store/layout.hpp>
#include <sys/file.hpp>
#include <sys/lock.hpp>

namespace dind::store {

Result<Fd> lock_data_root(const Fd& data_root, std::chrono::milliseconds patience) {
  const std::string own = kOwnDir;
  const Fd dir = TRY(sys::open_dir_at({data_root, own}));
  const std::string name = "lock";
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto is_late = [deadline] { return std::chrono::steady_clock::now() >= deadline; };
  auto lock = TRY(sys::take_lock_at({dir, name}, is_late).within(own));
  return lock ? Result<Fd>(*std::move(lock))
              : Error("lock the data root: another dind-init uses it", EBUSY);
}

} // namespace dind::store
