#pragma once

#include <archive/byte_sink.hpp>
#include <archive/compression.hpp>

#include <deque>
#include <memory>
#include <string>

namespace dind::archive {

// Threads that compress blocks for any number of streams. Where none can be had, `submit`
// compresses.
class CompressorPool {
public:
  CompressorPool(Compression kind, unsigned threads);
  ~CompressorPool();
  CompressorPool(const CompressorPool&) = delete;
  CompressorPool& operator=(const CompressorPool&) = delete;

  struct Job;
  std::shared_ptr<Job> submit(std::string block);
  // Waits for the result.
  std::string take(Job& job);

  Compression kind() const { return kind_; }

private:
  struct State;
  const Compression kind_;
  std::unique_ptr<State> state_;
};

// What a stream compressed by this program depends on besides its bytes: "zstd-3 1.5.4".
std::string compressor_name(Compression kind);

// Compresses blocks of a fixed size, each into a gzip member or zstd frame of its own.
// So the result depends on the input alone, and not on threads, cores or pieces. Up to
// kAhead blocks are in memory.
class BlockCompressor final : public ByteSink {
public:
  static constexpr std::size_t kBlock = 4U << 20U;
  static constexpr std::size_t kAhead = 3;

  BlockCompressor(CompressorPool& pool, ByteSink& sink) : pool_(pool), sink_(sink) {}
  Result<void> write(std::span<const std::byte> bytes) override;
  Result<void> finish();

private:
  Result<void> flush_oldest();

  CompressorPool& pool_;
  ByteSink& sink_;
  std::string block_;
  bool empty_ = true;
  std::deque<std::shared_ptr<CompressorPool::Job>> under_way_;
};

} // namespace dind::archive
