#include <tar_split/payload.hpp>

#include <archive/byte_source.hpp>
#include <archive/member_path.hpp>
#include <base/utf8.hpp>
#include <sys/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

namespace dind::tar_split {

OpenPayload payloads_in(const Fd& tree) {
  return [&tree](const std::string& name) -> Result<Fd> {
    const std::string path = TRY(archive::clean_path(name));
    return sys::open_within(tree, path, O_RDONLY | O_NONBLOCK);
  };
}

Result<Payload> Payload::open(File file, const OpenPayload& open) {
  auto opened = open(file.name);
  if (!opened) {
    return std::move(opened).error().within(printable(file.name));
  }
  const struct stat found = TRY(sys::stat_of(*opened));
  if (!S_ISREG(found.st_mode)) {
    return input_error("{}: not a regular file", printable(file.name));
  }
  if (static_cast<std::uint64_t>(found.st_size) != file.size) {
    return input_error("{}: {} bytes instead of {}", printable(file.name), found.st_size,
                       file.size);
  }
  return Payload(std::move(file), std::move(opened).value());
}

Result<std::size_t> Payload::read(std::uint64_t offset, std::span<std::byte> into) {
  archive::RangeSource range(fd_, offset, file_.size - offset);
  const auto got = range.read(into);
  if (!got) {
    return Error(got.error()).within(printable(file_.name));
  }
  TRY(check(offset, into.first(*got)));
  return *got;
}

Result<void> Payload::check(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset != summed_) {
    return {};
  }
  checksum_.update(bytes);
  summed_ += bytes.size();
  if (summed_ == file_.size && checksum_.value() != file_.crc64) {
    return input_error("{}: its content has another checksum than the layer's",
                       printable(file_.name));
  }
  return {};
}

} // namespace dind::tar_split
