#include <host/probe_btrfs.hpp>

#include <sys/btrfs.hpp>

#include <tuple>

namespace dind::host {
namespace {

const std::string kBase = "base";
const std::string kCopy = "copy";
const std::string kFile = "file";

Result<void> try_in(const Fd& dir) {
  TRY(sys::create_subvolume({dir, kBase}));
  const Fd base = TRY(sys::open_dir_at({dir, kBase}));
  TRY(sys::create_file_at({base, kFile}, "snapshot", 0644));
  TRY(sys::snapshot_subvolume(base, {dir, kCopy}));
  const Fd copy = TRY(sys::open_dir_at({dir, kCopy}));
  if (!TRY(sys::exists_at({copy, kFile}))) {
    return input_error("a snapshot does not hold what its subvolume held");
  }
  TRY(sys::delete_subvolume({dir, kCopy}));
  return sys::delete_subvolume({dir, kBase});
}

} // namespace

Result<void> try_btrfs(const Scratch& outer) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "btrfs"));
  auto tried = try_in(scratch.dir());
  if (!tried && tried.error().is(std::errc::inappropriate_io_control_operation)) {
    return input_error("this is no btrfs");
  }
  if (!tried) {
    // Removing a directory tree works on subvolumes too, but not for every user.
    std::ignore = sys::delete_subvolume({scratch.dir(), kCopy});
    std::ignore = sys::delete_subvolume({scratch.dir(), kBase});
  }
  return tried;
}

} // namespace dind::host
