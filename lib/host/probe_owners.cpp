#include <host/rungs.hpp>

#include <sys/stat.h>

namespace dind::host {

Result<void> try_shifted_owners(const Scratch& outer, const sys::IdMap& ids) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "owners", {"dir"}));
  const std::string name = "dir";
  TRY(sys::set_owner_at({scratch.dir(), name}, ids.root_user(), ids.root_group()));
  const Fd dir = TRY(sys::open_dir_at({scratch.dir(), name}));
  const Fd shifted = TRY(sys::make_id_shift(ids));
  const Fd mapped = TRY(sys::open_mapped(dir, shifted));
  const std::string file = "file";
  TRY(sys::create_file_at({mapped, file}, "", 0644));
  const struct stat made = TRY(sys::stat_at({dir, file}));
  if (made.st_uid != ids.root_user() || made.st_gid != ids.root_group()) {
    return input_error("a file made as root belongs to {}:{}", made.st_uid, made.st_gid);
  }
  return {};
}

} // namespace dind::host
