#pragma once

#include <archive/byte_source.hpp>
#include <archive/tar_entry.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace dind::archive {

// Sees every byte of the archive, in order, split as tar-split splits it.
class TarObserver {
public:
  virtual ~TarObserver() = default;
  // Bytes that are not payload: headers with their extensions, padding, the
  // trailer, and the data of members whose `raw` is set.
  virtual Result<void> raw(std::span<const std::byte> bytes) = 0;
  // A member's header is complete; its raw bytes have been seen.
  virtual Result<void> member(const TarEntry& entry) = 0;
  // Payload of the current member, if it is not raw.
  virtual Result<void> payload(std::span<const std::byte> bytes) = 0;
  // The end-of-archive marker has been seen; what is raw from here on means nothing.
  virtual Result<void> end() { return {}; }
};

// Takes the content of a member.
class PayloadSink {
public:
  virtual ~PayloadSink() = default;
  // Bytes at `offset` of the content; ascending. What never comes is zeros.
  virtual Result<void> data(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
};

// Reads version 7, ustar, PAX (local and global), star, GNU long names and links,
// base-256 numbers, and the GNU and PAX sparse formats, with the semantics of
// Go's archive/tar, which is what engines read layers with: global headers apply
// to nothing, links and directories have no data whatever their size says, an
// entry without a type is a directory if its name ends in a slash, the padding
// or the trailer at the very end may be missing. Every size is bounded before it
// is believed: nothing is allocated for a payload, and an extension header is at
// most 1 MiB. A stream that ends in the middle of a header or payload is an error.
class TarReader {
public:
  // `source` and `observer` must outlive the reader.
  explicit TarReader(ByteSource& source, TarObserver* observer = nullptr);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next member, or nullopt at the end; what was not read of the previous
  // one's payload is skipped. After the end the source has been read to its
  // last byte, so that a hash of it is complete. Not to be called after an error.
  Result<std::optional<TarEntry>> next();

  // Hands the whole content of the current member to `sink`. At most once a member.
  Result<void> read_payload(PayloadSink& sink);

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::archive
