#include <cache/copy_check.hpp>

#include <archive/byte_source.hpp>
#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <archive/tar_reader.hpp>
#include <cache/expected_tree.hpp>
#include <tar_split/payload.hpp>
#include <tar_split/tar_source.hpp>

#include <string>
#include <utility>

namespace dind::cache {
namespace {

// Reads the tar that is made of tar-split and files to its end. Returns its hash.
Result<Digest> replay(const Fd& tar_split, const Fd& files, ExpectedTree& expected) {
  archive::FdSource file(tar_split);
  const auto json = TRY(archive::decompress(file));
  tar_split::TarSource made(*json.source, tar_split::payloads_in(files));
  archive::HashingSource tar(made);
  archive::TarReader reader(tar);
  while (const auto entry = TRY(reader.next())) {
    TRY(expected.add(*entry));
  }
  TRY(archive::drain(tar));
  return tar.finish();
}

} // namespace

Result<std::optional<TreeFlaw>> check_copy(const Cache& cache, const Digest& diff_id,
                                           const Fd& files, Beside beside) {
  const Fd tar_split = TRY(cache.open_tar_split(diff_id));
  ExpectedTree expected;
  const auto hash = replay(tar_split, files, expected);
  if (!hash && !is_flaw(hash.error())) {
    return hash.error();
  }
  if (!hash) {
    return std::optional(TreeFlaw{"", hash.error().describe()});
  }
  if (*hash != diff_id) {
    return std::optional(TreeFlaw{"", "the tar made of it has the digest " + hash->text()});
  }
  if (beside == Beside::other_layers) {
    return std::optional<TreeFlaw>();
  }
  const Skeleton skeleton = expected.take_skeleton();
  Exempt exempt{.beside = skeleton.mark_names()};
  if (beside == Beside::marks_and_implied) {
    exempt.implied = {skeleton.implied.begin(), skeleton.implied.end()};
  }
  return check_tree(files, expected, exempt);
}

} // namespace dind::cache
