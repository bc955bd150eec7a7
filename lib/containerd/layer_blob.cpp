#include <containerd/layer_blob.hpp>

#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <store/layout.hpp>
#include <store/tree.hpp>
#include <sys/dir.hpp>
#include <tar_split/tar_source.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace dind::containerd {
namespace {

constexpr mode_t kTarMode = 0444;
constexpr mode_t kTarSplitMode = 0644;
constexpr std::size_t kBuffer = 256U << 10U;

Result<void> go_to_start(const Fd& file) {
  return ::lseek(file.get(), 0, SEEK_SET) == -1 ? Result<void>(errno_error("seek"))
                                                : Result<void>();
}

Result<std::uint64_t> copy_to(archive::ByteSource& from, const Fd& to) {
  std::vector<std::byte> buffer(kBuffer);
  std::uint64_t copied = 0;
  for (;;) {
    const std::size_t got = TRY(from.read(buffer));
    if (got == 0) {
      return copied;
    }
    TRY(sys::write_all_at(to, std::span(buffer).first(got), copied));
    copied += got;
  }
}

// A file that appears as a whole, or not at all.
struct NewFile {
  sys::At staged;
  sys::At place;
  mode_t mode = 0;
  sys::Durable durable = sys::Durable::no;
};

Result<void> make_file(const NewFile& file, const std::function<Result<void>(const Fd&)>& fill) {
  TRY(sys::remove_tree_at(file.staged));
  const Fd to = TRY(sys::open_at(file.staged, O_WRONLY | O_CREAT | O_EXCL, file.mode));
  const auto make = [&]() -> Result<void> {
    TRY(fill(to));
    if (file.durable == sys::Durable::yes && ::fsync(to.get()) == -1) {
      return errno_error("flush {}", file.place.name);
    }
    return store::move_into_place(file.staged, file.place);
  };
  auto made = make();
  if (!made) {
    std::ignore = sys::remove_tree_at(file.staged); // on ENOSPC it has what filled the volume
  }
  return made;
}

Result<std::uint64_t> write_tar(const LayerFiles& layer, const Fd& to) {
  archive::FdSource compressed(layer.tar_split);
  const auto json = TRY(archive::decompress(compressed));
  tar_split::TarSource tar(*json.source, tar_split::payloads_in(layer.files));
  archive::HashingSource hashed(tar);
  const std::uint64_t bytes = TRY(copy_to(hashed, to));
  return hashed.finish() == layer.diff_id ? Result<std::uint64_t>(bytes)
                                          : input_error("its tar does not hash to its diff ID");
}

} // namespace

Result<std::uint64_t> write_layer_blob(const LayerFiles& layer, const Fd& staging, const Fd& blobs,
                                       sys::Durable durable) {
  const std::string& name = layer.diff_id.hex();
  std::uint64_t bytes = 0;
  const auto fill = [&](const Fd& to) -> Result<void> {
    TRY(go_to_start(layer.tar_split));
    bytes = TRY(write_tar(layer, to));
    return {};
  };
  TRY(make_file({{staging, name}, {blobs, name}, kTarMode, durable}, fill).within("make its blob"));
  return bytes;
}

Result<void> copy_carried_blob(const Digest& digest, const Fd& content, const Fd& staging,
                               const Fd& blobs, sys::Durable durable) {
  const std::string& name = digest.hex();
  const auto fill = [&](const Fd& to) -> Result<void> {
    archive::FdSource source(content);
    archive::HashingSource hashed(source);
    std::ignore = TRY(copy_to(hashed, to));
    return hashed.finish() == digest ? Result<void>()
                                     : input_error("it does not hash to its digest");
  };
  return make_file({{staging, name}, {blobs, name}, kTarMode, durable}, fill)
      .within("blob " + digest.short_hex());
}

Result<void> keep_tar_split(const Fd& tar_split, const Fd& staging, const Fd& snapshot,
                            sys::Durable durable) {
  const std::string name = store::kTarSplitName;
  const auto fill = [&](const Fd& to) -> Result<void> {
    TRY(go_to_start(tar_split));
    return sys::copy_all(tar_split, to);
  };
  return make_file({{staging, name}, {snapshot, name}, kTarSplitMode, durable}, fill).within(name);
}

} // namespace dind::containerd
