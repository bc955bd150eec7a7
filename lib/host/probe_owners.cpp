#include <host/probe_owners.hpp>

#include <sys/xattr.hpp>

#include <sys/stat.h>

namespace dind::host {

Result<Fd> open_shifted(const Scratch& scratch, const sys::IdMap& ids) {
  const std::string name = "shifted";
  TRY(sys::make_dir_at({scratch.dir(), name}, 0755));
  TRY(sys::set_owner_at({scratch.dir(), name}, ids.root_user(), ids.root_group()));
  const Fd dir = TRY(sys::open_dir_at({scratch.dir(), name}));
  const Fd shift = TRY(sys::make_id_shift(ids));
  return sys::open_mapped(dir, shift);
}

Result<void> try_shifted_owners(const Scratch& outer, const sys::IdMap& ids) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "owners"));
  const Fd mapped = TRY(open_shifted(scratch, ids));
  const std::string file = "file";
  TRY(sys::create_file_at({mapped, file}, "", 0644));
  const std::string stored = "shifted/file";
  const struct stat made = TRY(sys::stat_at({scratch.dir(), stored}));
  if (made.st_uid != ids.root_user() || made.st_gid != ids.root_group()) {
    return input_error("a file made as root belongs to {}:{}", made.st_uid, made.st_gid);
  }
  return {};
}

Result<void> try_user_marks(const Scratch& outer) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "marks"));
  return sys::set_xattr(scratch.dir(), sys::kOpaqueXattrOfUsers, "y");
}

} // namespace dind::host
