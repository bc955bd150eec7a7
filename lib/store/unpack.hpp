#pragma once

#include <archive/byte_source.hpp>
#include <archive/marks.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <sys/file.hpp>

#include <functional>
#include <optional>

namespace dind::store {

// Sets an attribute of a layer as engines do: what the filesystem does not take is left out.
Result<void> set_layer_xattr(sys::At at, const archive::Xattr& xattr);

// Unpacks a layer's tar, to its end, into the empty directory `root`. Returns the root's
// own entry, if there is one: some drivers heed it.
using SetXattr = std::function<Result<void>(sys::At at, const archive::Xattr& xattr)>;
Result<std::optional<archive::TarEntry>> unpack(archive::ByteSource& tar, const Fd& root,
                                                archive::Marks& marks,
                                                const SetXattr& set_xattr = set_layer_xattr);

// Gives the directory `root` what its entry says.
Result<void> set_root_metadata(const Fd& root, const archive::TarEntry& entry);

} // namespace dind::store
