#include <store/parent_dirs.hpp>

#include <array>

namespace dind::store {

Result<const Fd*> ParentDirs::open(const std::string& dir) {
  if (dir_ && dir == path_) {
    return &dir_;
  }
  TRY(finish());
  const std::string beneath = dir.empty() ? "." : dir;
  dir_ = TRY(sys::open_beneath(root_, beneath, O_RDONLY | O_DIRECTORY));
  path_ = dir;
  found_ = TRY(sys::stat_of(dir_).within(dir));
  return &dir_;
}

Result<sys::At> ParentDirs::at(const std::string& path) {
  const auto slash = path.rfind('/');
  const Fd* dir = TRY(open(slash == std::string::npos ? "" : path.substr(0, slash)));
  name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  return sys::At{*dir, name_};
}

Result<void> ParentDirs::finish() {
  const std::array<timespec, 2> times = {found_.st_atim, found_.st_mtim};
  const Fd dir = std::move(dir_);
  if (dir && ::futimens(dir.get(), times.data()) == -1) {
    return errno_error("set times of {}", path_);
  }
  return {};
}

} // namespace dind::store
