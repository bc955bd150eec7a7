#include <archive/block_compressor.hpp>

#include <sys/workers.hpp>

#include <fmt/format.h>

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace dind::archive {
namespace {

constexpr int kZstdLevel = 3;
constexpr int kGzipBlockLevel = 6;

// Keeps its context from block to block; one a thread.
class BlockCodec {
public:
  explicit BlockCodec(Compression kind) : kind_(kind) {
    if (kind == Compression::zstd) {
      zstd_ = ZSTD_createCCtx();
      ZSTD_CCtx_setParameter(zstd_, ZSTD_c_compressionLevel, kZstdLevel);
      ZSTD_CCtx_setParameter(zstd_, ZSTD_c_checksumFlag, 1);
    } else {
      [[maybe_unused]] const int made =
          ::deflateInit2(&gzip_, kGzipBlockLevel, Z_DEFLATED, MAX_WBITS + 16, MAX_MEM_LEVEL - 1,
                         Z_DEFAULT_STRATEGY);
      assert(made == Z_OK);
    }
  }
  ~BlockCodec() {
    ZSTD_freeCCtx(zstd_);
    if (kind_ != Compression::zstd) {
      ::deflateEnd(&gzip_);
    }
  }
  BlockCodec(const BlockCodec&) = delete;
  BlockCodec& operator=(const BlockCodec&) = delete;

  std::string compress(const std::string& block) {
    return kind_ == Compression::zstd ? to_zstd(block) : to_gzip(block);
  }

private:
  std::string to_zstd(const std::string& block) {
    std::string out(ZSTD_compressBound(block.size()), '\0');
    const std::size_t size =
        ZSTD_compress2(zstd_, out.data(), out.size(), block.data(), block.size());
    assert(ZSTD_isError(size) == 0); // there is room for everything
    out.resize(size);
    out.shrink_to_fit();
    return out;
  }

  std::string to_gzip(const std::string& block) {
    ::deflateReset(&gzip_);
    std::string out(::deflateBound(&gzip_, block.size()), '\0');
    // zlib's pointer is not to const, but it only reads.
    gzip_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(block.data()));
    gzip_.avail_in = static_cast<uInt>(block.size());
    gzip_.next_out = reinterpret_cast<Bytef*>(out.data());
    gzip_.avail_out = static_cast<uInt>(out.size());
    [[maybe_unused]] const int ended = ::deflate(&gzip_, Z_FINISH);
    assert(ended == Z_STREAM_END);
    out.resize(out.size() - gzip_.avail_out);
    out.shrink_to_fit();
    return out;
  }

  Compression kind_;
  ZSTD_CCtx* zstd_ = nullptr;
  z_stream gzip_{};
};

} // namespace

struct CompressorPool::Job {
  std::string bytes; // to be compressed, then compressed
  bool done = false;
};

struct CompressorPool::State {
  std::mutex mutex;
  std::condition_variable wanted;
  std::condition_variable finished;
  std::deque<std::shared_ptr<Job>> jobs;
  bool closing = false;
  std::vector<std::jthread> threads; // last: they use all of the above

  void work(Compression kind) {
    BlockCodec codec(kind);
    std::unique_lock lock(mutex);
    for (;;) {
      wanted.wait(lock, [this] { return closing || !jobs.empty(); });
      if (jobs.empty()) {
        return;
      }
      const std::shared_ptr<Job> job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      std::string compressed = codec.compress(job->bytes);
      lock.lock();
      job->bytes = std::move(compressed);
      job->done = true;
      finished.notify_all();
    }
  }
};

CompressorPool::CompressorPool(Compression kind, unsigned threads)
    : kind_(kind), state_(std::make_unique<State>()) {
  state_->threads = sys::start_threads(threads, [this] { state_->work(kind_); });
}

CompressorPool::~CompressorPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
    state_->jobs.clear(); // of streams that were given up
  }
  state_->wanted.notify_all();
}

std::shared_ptr<CompressorPool::Job> CompressorPool::submit(std::string block) {
  if (state_->threads.empty()) {
    return std::make_shared<Job>(Job{BlockCodec(kind_).compress(block), true});
  }
  auto job = std::make_shared<Job>(Job{std::move(block)});
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(job);
  }
  state_->wanted.notify_one();
  return job;
}

std::string CompressorPool::take(Job& job) {
  std::unique_lock lock(state_->mutex);
  state_->finished.wait(lock, [&job] { return job.done; });
  return std::move(job.bytes);
}

std::string compressor_name(Compression kind) {
  switch (kind) {
  case Compression::zstd:
    return fmt::format("zstd-{} {}", kZstdLevel, ZSTD_versionString());
  case Compression::gzip:
    return fmt::format("gzip-{} {}", kGzipBlockLevel, ::zlibVersion());
  case Compression::none:
  case Compression::xz: // which are only read
  case Compression::bzip2:
    break;
  }
  return "none";
}

Result<void> BlockCompressor::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kBlock - block_.size());
    block_.reserve(kBlock);
    block_.append(reinterpret_cast<const char*>(bytes.data()), count);
    bytes = bytes.subspan(count);
    if (block_.size() == kBlock) {
      if (under_way_.size() == kAhead) {
        TRY(flush_oldest());
      }
      under_way_.push_back(pool_.submit(std::exchange(block_, {})));
      empty_ = false;
    }
  }
  return {};
}

Result<void> BlockCompressor::flush_oldest() {
  const auto job = std::move(under_way_.front());
  under_way_.pop_front();
  return sink_.write_text(pool_.take(*job));
}

Result<void> BlockCompressor::finish() {
  if (!block_.empty() || empty_) { // no bytes at all are a stream, too
    under_way_.push_back(pool_.submit(std::exchange(block_, {})));
  }
  while (!under_way_.empty()) {
    TRY(flush_oldest());
  }
  return {};
}

} // namespace dind::archive
