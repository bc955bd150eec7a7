#include <store/tree.hpp>

#include <sys/file.hpp>

namespace dind::store {

Result<Fd> ensure_dirs(const Fd& root, const std::string& path, mode_t mode) {
  auto opened = sys::open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (opened || !opened.error().is(std::errc::no_such_file_or_directory)) {
    return opened;
  }
  const auto slash = path.rfind('/');
  const Fd parent = slash == std::string::npos
                        ? TRY(sys::open_beneath(root, ".", O_RDONLY | O_DIRECTORY))
                        : TRY(ensure_dirs(root, path.substr(0, slash), mode));
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  TRY(sys::ensure_dir_at({parent, name}, mode));
  return sys::open_dir_at({parent, name});
}

bool is_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

} // namespace dind::store
