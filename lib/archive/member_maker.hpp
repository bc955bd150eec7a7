#pragma once

#include <archive/tree.hpp>
#include <base/fd.hpp>
#include <sys/file.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace dind::archive {

// A member's place: its path from the root, and its name in its open parent.
struct Place {
  const std::string& path;
  std::shared_ptr<const Fd> parent;
  std::string name;
  sys::At at() const { return {*parent, name}; }
};

// Sets an extended attribute of a file, directory or symlink, whose path in the layer is `path`.
using SetXattr =
    std::function<Result<void>(sys::At at, const std::string& path, const Xattr& xattr)>;

// Makes one member of a layer and gives it its metadata, with the system calls and
// in the order of moby's createTarFile. Takes no decisions: the place is free.
class MemberMaker {
public:
  explicit MemberMaker(SetXattr set_xattr) : set_xattr_(std::move(set_xattr)) {}

  // A directory that is there already only gets the metadata. Its times come last of
  // all: `set_time`.
  using Exists = Tree::Exists;
  Result<void> directory(const Place& place, const TarEntry& entry, Exists exists);
  // 0755 root, setgid if its parent is: mkdir(2) inherits that.
  static Result<void> implied_directory(const Place& place);
  Result<void> file(const Place& place, const TarEntry& entry, TarReader& reader);
  Result<void> symlink(const Place& place, const TarEntry& entry);
  using Target = Tree::Target;
  Result<void> hard_link(const Place& place, const TarEntry& entry, const Place& target,
                         Target kind);
  static Result<void> set_time(const Place& place, timespec time);

private:
  Result<void> set_owner_and_xattrs(const Place& place, const TarEntry& entry);
  Result<void> set_xattrs(const Place& place, const TarEntry& entry);

  SetXattr set_xattr_;
};

} // namespace dind::archive
