#include <store/mark_check.hpp>

#include <archive/member_path.hpp>
#include <base/utf8.hpp>
#include <cache/tree_check.hpp>
#include <store/layout.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/xattr.hpp>

#include <errno.h>

#include <tuple>

namespace dind::store {

MarkCheck::MarkCheck(const std::string& driver, const Users& users)
    : is_overlay_(driver == kOverlay2 || driver == kOverlayfs), in_namespace_(users.in_namespace) {}

Result<void> MarkCheck::mark_of(ParentDirs& parents, const std::string& path) const {
  const std::string dir(archive::parent_of(path));
  const std::string_view name = archive::base_of(path);
  if (name == archive::kOpaqueName) {
    return opaque_in(parents, dir);
  }
  const std::string_view hidden = name.substr(archive::kWhiteoutPrefix.size());
  return whiteout_at(parents, dir + (dir.empty() ? "" : "/") + std::string(hidden));
}

Result<void> MarkCheck::only_in(const Fd& dir, const std::string& path,
                                const std::set<std::string>& names,
                                const std::set<std::string>& dirs) {
  const auto entries = TRY(sys::list_dir(dir));
  for (const sys::DirEntry& entry : entries) {
    const std::string inside = path.empty() ? entry.name : path + "/" + entry.name;
    if (dirs.contains(inside)) {
      const Fd below = TRY(sys::open_dir_at({dir, entry.name}));
      TRY(only_in(below, inside, names, dirs));
    } else if (!names.contains(inside) || !cache::may_be_mark({dir, entry.name})) {
      return input_error("\"{}\" is in no layer", printable(inside));
    }
  }
  return {};
}

Result<void> MarkCheck::only(const Fd& dir, const cache::Skeleton& skeleton) const {
  const auto dirs = skeleton.mark_dirs();
  return only_in(dir, "", skeleton.mark_names(), {dirs.begin(), dirs.end()});
}

Result<void> MarkCheck::all_of(const Fd& dir, const cache::Skeleton& skeleton) const {
  ParentDirs parents(dir);
  for (const std::string& path : skeleton.whiteouts) {
    TRY(whiteout_at(parents, path));
  }
  for (const std::string& path : skeleton.opaque) {
    TRY(opaque_in(parents, path));
  }
  for (const cache::Node& node : skeleton.nodes) {
    const sys::At at = TRY(parents.at(node.path));
    std::ignore = TRY(sys::stat_at(at));
  }
  return {};
}

// Where a later member of the layer has the name of a whiteout, none is left.
Result<void> MarkCheck::whiteout_at(ParentDirs& parents, const std::string& path) const {
  const sys::At at = TRY(parents.at(path));
  if (sys::stat_at(at)) {
    return {}; // the whiteout, or what overrode it
  }
  const std::string aufs = std::string(archive::kWhiteoutPrefix) + at.name;
  const auto mark = is_overlay_ ? Result<bool>(false) : sys::exists_at({at.dir, aufs});
  return mark && *mark ? Result<void>() : input_error("the whiteout of {} is missing", path);
}

Result<void> MarkCheck::opaque_in(ParentDirs& parents, const std::string& path) const {
  const Fd* const dir = TRY(parents.open(path));
  const bool marked = TRY(is_opaque(*dir));
  if (!marked && is_overlay_ && !in_namespace_ && !sys::sees_trusted_xattrs(*dir)) {
    return Error("read attributes named trusted.*", EPERM);
  }
  return marked ? Result<void>() : input_error("\"{}\" is not opaque any more", path);
}

Result<bool> MarkCheck::is_opaque(const Fd& dir) const {
  if (!is_overlay_) {
    const std::string aufs(archive::kOpaqueName);
    return sys::exists_at({dir, aufs});
  }
  const std::string self = ".";
  const auto value = TRY(
      sys::get_xattr_at({dir, self}, in_namespace_ ? sys::kOpaqueXattrOfUsers : sys::kOpaqueXattr));
  return value.has_value();
}

} // namespace dind::store
