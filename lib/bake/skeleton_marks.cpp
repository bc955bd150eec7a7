#include <bake/skeleton_marks.hpp>

#include <base/utf8.hpp>
#include <sys/xattr.hpp>

namespace dind::bake {

Result<void> SkeletonMarks::whiteout(sys::At, const std::string& path, const archive::TarEntry&) {
  notes_.whiteout(path);
  return {};
}

Result<void> SkeletonMarks::override_whiteout(sys::At, const std::string& path) {
  notes_.override_whiteout(path);
  return {};
}

Result<void> SkeletonMarks::opaque(const Fd&, const std::string& path) {
  notes_.opaque(path);
  return {};
}

Result<void> SkeletonMarks::node(sys::At, const std::string& path, const archive::TarEntry& entry) {
  notes_.node(path, entry);
  return {};
}

Result<void> SkeletonMarks::link_node(sys::At, const std::string& path, const std::string& target,
                                      const archive::TarEntry& entry) {
  return notes_.link_node(path, target, entry);
}

Result<void> SkeletonMarks::implied(const std::string& path) {
  notes_.implied(path);
  return {};
}

Result<void> SkeletonMarks::xattr(sys::At at, const std::string& path,
                                  const archive::Xattr& xattr) {
  if (xattr.name != sys::kCapabilityXattr) {
    notes_.lose_untransportable(path, xattr.name);
    return {};
  }
  auto set = sys::set_xattr_at(at, xattr.name, xattr.value);
  if (set) {
    notes_.capability(path);
    return {};
  }
  // EPERM: no CAP_SETFCAP; EOPNOTSUPP: the filesystem keeps none.
  if (set.error().code() == EPERM || set.error().code() == EOPNOTSUPP) {
    notes_.lose(
        path, xattr.name,
        fmt::format("the capability of {} could not be set where it was baked", printable(path)));
    return {};
  }
  return set;
}

} // namespace dind::bake
