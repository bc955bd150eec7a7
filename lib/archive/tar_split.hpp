#pragma once

#include <archive/byte_source.hpp>
#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <archive/tar_reader.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace dind::archive {

// tar-split (github.com/vbatts/tar-split, tar/asm and tar/storage): JSON lines that
// hold everything of a tar but the payloads of its files, so that the tar can be
// made again, bit by bit. Written as dockerd writes it for the same layer: for each
// member a segment with the padding of the one before, its extension headers and its
// header; then its name with size and checksum of its payload. It differs where
// dockerd's could not be made into a tar again: the data of raw members goes into
// segments, and what has no content has no size.
class TarSplitWriter final : public TarObserver {
public:
  // Gets the JSON text as it is produced, in large pieces.
  using Output = std::function<Result<void>(std::string_view text)>;
  explicit TarSplitWriter(Output output);
  ~TarSplitWriter() override;

  Result<void> raw(std::span<const std::byte> bytes) override;
  // Two members whose names are the same once they are cleaned are an error, as
  // they are for dockerd (ErrDuplicatePath).
  Result<void> member(const TarEntry& entry) override;
  Result<void> payload(std::span<const std::byte> bytes) override;
  Result<void> end() override;
  // After the last byte of the archive.
  Result<void> finish();

private:
  struct State;
  std::unique_ptr<State> state_;
};

struct SplitSegment {
  std::string bytes;
};
struct SplitFile {
  std::string name; // raw bytes, as the tar spells it
  std::uint64_t size = 0;
  std::uint64_t crc64 = 0; // of the payload; 0 where size is 0
};
using SplitItem = std::variant<SplitSegment, SplitFile>;

// Reads tar-split JSON lines (already decompressed). Lines are bounded (8 MiB) and
// must count their positions from 0.
class TarSplitReader {
public:
  // `json` must outlive the reader.
  explicit TarSplitReader(ByteSource& json);
  ~TarSplitReader();
  TarSplitReader(const TarSplitReader&) = delete;
  TarSplitReader& operator=(const TarSplitReader&) = delete;

  Result<std::optional<SplitItem>> next();

private:
  struct State;
  std::unique_ptr<State> state_;
};

// Opens the payload of a file by its name in the tar.
using OpenPayload = std::function<Result<Fd>(const std::string& name)>;

// The tar itself, made again from tar-split and payloads. A payload that is
// shorter, longer, or has another checksum than tar-split says is an error that
// names the file.
class TarSplitSource final : public ByteSource {
public:
  // `json` must outlive the source.
  TarSplitSource(ByteSource& json, OpenPayload open_payload);
  ~TarSplitSource() override;
  // Fills `into` unless the tar ends.
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::archive
