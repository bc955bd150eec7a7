#include <store/recorded_marks.hpp>

#include <store/nodes.hpp>
#include <store/unpack.hpp>

namespace dind::store {

Result<void> RecordedMarks::whiteout(sys::At, const std::string& path, const archive::TarEntry&) {
  skeleton_.whiteouts.push_back(path);
  return {};
}

Result<void> RecordedMarks::override_whiteout(sys::At, const std::string& path) {
  skeleton_.overridden_whiteouts.push_back(path);
  return {};
}

Result<void> RecordedMarks::opaque(const Fd&, const std::string& path) {
  skeleton_.opaque.push_back(path);
  return {};
}

Result<void> RecordedMarks::node(sys::At at, const std::string&, const archive::TarEntry& entry) {
  return make_node(at, entry);
}

Result<void> RecordedMarks::link_node(sys::At at, const std::string&, const std::string& target,
                                      const archive::TarEntry& entry) {
  return store::link_node(at, root_, target, entry);
}

Result<void> RecordedMarks::implied(const std::string& path) {
  skeleton_.implied.push_back(path);
  return {};
}

Result<void> RecordedMarks::xattr(sys::At at, const std::string&, const archive::Xattr& xattr) {
  return set_layer_xattr(at, xattr);
}

} // namespace dind::store
