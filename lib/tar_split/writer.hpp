#pragma once

#include <archive/tar_reader.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace dind::tar_split {

// tar-split (github.com/vbatts/tar-split, tar/asm and tar/storage): JSON lines that
// hold everything of a tar but the payloads of its files, so that the tar can be
// made again, bit by bit. Written as dockerd writes it for the same layer: for each
// member a segment with the padding of the one before, its extension headers and its
// header; then its name with size and checksum of its payload. It differs where
// dockerd's could not be made into a tar again: the data of raw members goes into
// segments, and what has no content has no size.
class Writer final : public archive::TarObserver {
public:
  // Gets the JSON text as it is produced, in large pieces.
  using Output = std::function<Result<void>(std::string_view text)>;
  explicit Writer(Output output);
  ~Writer() override;

  Result<void> raw(std::span<const std::byte> bytes) override;
  // Two members whose names are the same once they are cleaned are an error, as
  // they are for dockerd (ErrDuplicatePath).
  Result<void> member(const archive::TarEntry& entry) override;
  Result<void> payload(std::span<const std::byte> bytes) override;
  Result<void> end() override;
  // After the last byte of the archive.
  Result<void> finish();

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::tar_split
