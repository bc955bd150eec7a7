#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <blobs/inflated_file.hpp>
#include <tar_split/payload.hpp>
#include <tar_split/reader.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dind::blobs {

// A place in a tar-split, between two of its lines, from where a cursor can begin.
struct Checkpoint {
  InflatedFile json;    // reads the next line first
  std::uint64_t line;   // its number, from 0
  std::uint64_t tar_at; // where the tar goes on with it
};

// Those of one layer, laid by its cursors as they come along: at most 64, of 41 KiB each, a
// mebibyte of the inflated tar-split apart, or twice, four times ... as much in one that is larger
// than that. For several threads.
class Checkpoints {
public:
  explicit Checkpoints(const Fd& tar_split);

  // The last one in front of the byte at `tar_at`.
  std::shared_ptr<const Checkpoint> before(std::uint64_t tar_at) const;
  bool wants_one_at(std::uint64_t json_at) const;
  void add(Checkpoint checkpoint);

private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Checkpoint>> list_; // by place, the beginning first
  std::uint64_t distance_;                              // of the inflated tar-split
};

// Goes through a layer's tar from a checkpoint on, and never back. About 350 KiB.
class TarCursor {
public:
  // `checkpoints` and `open_payload` must outlive the cursor. The tar has `bytes`.
  TarCursor(const Checkpoint& from, std::uint64_t bytes, Checkpoints& checkpoints,
            const tar_split::OpenPayload& open_payload);

  // The first byte that can still be read.
  std::uint64_t at() const { return begin_; }
  // Fills `into`, which ends within the tar, from `offset` on, which is not before `at`. After an
  // error the cursor is of no use.
  Result<void> read(std::uint64_t offset, std::span<std::byte> into);

private:
  Result<void> advance();
  Result<void> lay_checkpoint();
  Result<std::size_t> read_item(std::uint64_t offset, std::span<std::byte> into);

  InflatedFile json_;
  const std::uint64_t json_start_; // where `lines_` began to read
  tar_split::Reader lines_;
  const std::uint64_t bytes_;
  Checkpoints& checkpoints_;
  const tar_split::OpenPayload& open_payload_;
  std::optional<InflatedFile> place_; // of the next checkpoint, once a line ends there or behind it

  tar_split::Item item_;                      // the one that is read
  std::optional<tar_split::Payload> payload_; // of it, once it is read
  std::uint64_t begin_;                       // of the item, in the tar
  std::uint64_t end_;
};

} // namespace dind::blobs
