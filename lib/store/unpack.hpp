#pragma once

#include <archive/byte_source.hpp>
#include <archive/unpacker.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

namespace dind::store {

// Unpacks a layer's tar, to its end, into the empty directory `root`.
Result<void> unpack(archive::ByteSource& tar, const Fd& root, archive::Marks& marks);

} // namespace dind::store
