#include <host/probe_files.hpp>

#include <host/probe_owners.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <dirent.h>

#include <optional>

namespace dind::host {
namespace {

const std::string kSource = "source";
const std::string kTarget = "target";

// A file to clone or to link. Empty ones prove nothing: there is nothing to share.
struct Source {
  Fd dir;
  std::string name;
};

Result<Source> source_in(const Scratch& scratch, const std::string& sample) {
  if (sample.empty()) {
    const std::string here = ".";
    TRY(sys::create_file_at({scratch.dir(), kSource}, "source", 0644));
    Fd dir = TRY(sys::open_dir_at({scratch.dir(), here}));
    return Source{std::move(dir), kSource};
  }
  Fd dir = TRY(sys::open_dir(sample));
  const auto entries = TRY(sys::list_dir(dir));
  for (const sys::DirEntry& entry : entries) {
    const struct stat found = TRY(sys::stat_at({dir, entry.name}));
    if (S_ISREG(found.st_mode) && found.st_size > 0) {
      return Source{std::move(dir), entry.name};
    }
  }
  return input_error("{} holds no file to try it with", sample);
}

} // namespace

Result<void> try_write(const Scratch& outer) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "write"));
  return sys::create_file_at({scratch.dir(), kTarget}, "content", 0600);
}

Result<void> try_d_type(const Scratch& outer) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "types", {"dir"}));
  const auto entries = TRY(sys::list_dir(scratch.dir()));
  if (entries.size() != 1 || entries.front().type != DT_DIR) {
    return input_error("directory entries do not tell their type");
  }
  return {};
}

Result<void> try_reflink(const Scratch& outer, const std::string& sample,
                         const std::optional<sys::IdMap>& ids) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "reflink"));
  const std::string here = ".";
  const Fd place =
      ids ? TRY(open_shifted(scratch, *ids)) : TRY(sys::open_dir_at({scratch.dir(), here}));
  const Source source = TRY(source_in(scratch, sample));
  const Fd from = TRY(sys::open_at({source.dir, source.name}, O_RDONLY));
  const Fd to = TRY(sys::open_at({place, kTarget}, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (::ioctl(to.get(), FICLONE, from.get()) == -1) {
    return errno_error("clone a file");
  }
  return {};
}

Result<void> try_hardlink(const Scratch& outer, const std::string& sample) {
  const Scratch scratch = TRY(Scratch::make_inside(outer, "link"));
  const Source source = TRY(source_in(scratch, sample));
  // An overlay copies a file of its lower up before it links it: no gain, and trying
  // would change the cache's side for good.
  if (!sample.empty() && TRY(sys::filesystem_of(source.dir)) == "overlay") {
    return input_error("an overlay would copy a file before linking it");
  }
  const auto linked = sys::link_at({source.dir, source.name}, {scratch.dir(), kTarget});
  return linked ? Result<void>() : Error("link a file", linked.error().code());
}

} // namespace dind::host
