#include <fuzz/target.hpp>

#include <fuzz/checksums.hpp>
#include <fuzz/memory_file.hpp>
#include <images/docker_archive.hpp>
#include <images/oci_layout.hpp>

namespace dind::fuzz {
namespace {

// The index of an archive, and what is in it: whatever its members and links say, all of it lies
// within the file.
void run_archive_index(std::string_view input) {
  const std::string tar = with_checksums(std::string(input));
  auto index = images::index_tar(memory_file(tar), 0);
  if (!index) {
    return;
  }
  const std::shared_ptr<const images::Bundle> bundle = std::move(index).value();
  for (const char* name : {"manifest.json", "index.json", "a/b", "soft", "hard"}) {
    if (const auto found = bundle->find(name)) {
      require(found->offset <= tar.size() && found->size <= tar.size() - found->offset);
    }
  }
  std::ignore = images::read_docker_archive(bundle, "");
  std::ignore = images::read_oci_layout(bundle, "");
}

const Target kTargetArchiveIndex("archive_index", run_archive_index);

} // namespace
} // namespace dind::fuzz
