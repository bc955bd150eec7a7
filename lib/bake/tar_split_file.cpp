#include <bake/tar_split_file.hpp>

#include <sys/file.hpp>

namespace dind::bake {

Result<void> TarSplitFile::finish() {
  TRY(split_.finish());
  gzip_.finish();
  return flush();
}

Result<void> TarSplitFile::put(std::string_view text) {
  gzip_.write(text);
  return flush();
}

Result<void> TarSplitFile::flush() {
  return sys::write_all(file_, gzip_.take()).within("tar-split.json.gz");
}

} // namespace dind::bake
