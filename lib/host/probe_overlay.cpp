#include <host/probe_overlay.hpp>

#include <host/union_dirs.hpp>
#include <sys/mount.hpp>

namespace dind::host {

Result<void> try_overlay(const Scratch& outer, const std::string& sample, MarkSpace marks) {
  const UnionDirs dirs = TRY(UnionDirs::make(outer, "overlay", MarkStyle::node, sample));
  std::string lowers = proc_path(dirs.marks()) + ":" + proc_path(dirs.lower());
  if (dirs.sample()) {
    lowers = proc_path(*dirs.sample()) + ":" + lowers;
  }
  // index=off as dockerd has it; without it a lower may be used only once.
  const std::string data = fmt::format("{}index=off,lowerdir={},upperdir={},workdir={}",
                                       marks == MarkSpace::user ? "userxattr," : "", lowers,
                                       proc_path(dirs.upper()), proc_path(dirs.work()));
  const sys::fs::path target = TRY(real_path(dirs.merged()));
  // Unmounting an overlay syncs all of the filesystem below it, which takes as long as
  // others have written, unless it is volatile (Linux 5.10).
  auto mounted = sys::mount("overlay", target, "overlay", 0, "volatile," + data);
  if (!mounted && mounted.error().is(std::errc::invalid_argument)) {
    mounted = sys::mount("overlay", target, "overlay", 0, data);
  }
  if (!mounted) {
    return Error("mount an overlay", mounted.error().code()); // its place is gone by now
  }
  const Mounted overlay(target);
  return dirs.check_view();
}

} // namespace dind::host
