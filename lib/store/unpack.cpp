#include <store/unpack.hpp>

#include <archive/tar_reader.hpp>

namespace dind::store {

Result<void> unpack(archive::ByteSource& tar, const Fd& root, archive::Marks& marks) {
  archive::Unpacker unpacker(root, marks);
  archive::TarReader reader(tar);
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      return unpacker.finish();
    }
    TRY(unpacker.add(*entry, reader));
  }
}

} // namespace dind::store
