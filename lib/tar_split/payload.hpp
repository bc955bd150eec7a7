#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <tar_split/crc64.hpp>
#include <tar_split/reader.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace dind::tar_split {

// Opens the payload of a file by its name in the tar.
using OpenPayload = std::function<Result<Fd>(const std::string& name)>;
// Of the files in a layer's tree, which must outlive it. Names may lead through symlinks of the
// layer, and never out of it.
OpenPayload payloads_in(const Fd& tree);

// The content of a file that tar-split names. One that is no regular file, or is shorter or longer
// than tar-split says, is an error, and so is another checksum where all of it is read in order:
// of the read that reaches the end. Each names the file.
class Payload {
public:
  static Result<Payload> open(File file, const OpenPayload& open);

  std::uint64_t size() const { return file_.size; }
  // Reads at least a byte, and nothing beyond the end; `offset` lies before that, and `into` is
  // not empty.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into);

private:
  Payload(File file, Fd fd) : file_(std::move(file)), fd_(std::move(fd)) {}
  Result<void> check(std::uint64_t offset, std::span<const std::byte> bytes);

  File file_;
  Fd fd_;
  Crc64Iso checksum_;
  std::uint64_t summed_ = 0; // how far from the start
};

} // namespace dind::tar_split
