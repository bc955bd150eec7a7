#include <archive/compression.hpp>

#include <archive/inflater.hpp>

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>
#include <memory>

namespace dind::archive {
namespace {

constexpr int kGzipWindow = MAX_WBITS + 16; // zlib: with gzip's header and trailer
constexpr int kGzipStreamLevel = 5;
constexpr int kGzipMemory = 8;
constexpr int kZstdWindowLog = 27; // 128 MiB, zstd's own limit for untrusted input
constexpr std::size_t kProbe = 4;

bool is_gzip(std::string_view start) {
  return start.starts_with("\x1f\x8b\x08");
}

bool is_zstd(std::string_view start) {
  if (start.size() < kProbe) {
    return false;
  }
  // A skippable frame may come first: 0x184d2a50 to 0x184d2a5f, little-endian.
  return start == "\x28\xb5\x2f\xfd" || ((static_cast<unsigned char>(start[0]) & 0xf0U) == 0x50 &&
                                         start.substr(1) == "\x2a\x4d\x18");
}

// Bytes that were read ahead, then the rest of the source.
class PrefixedSource final : public ByteSource {
public:
  PrefixedSource(std::string prefix, ByteSource& rest) : prefix_(std::move(prefix)), rest_(rest) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (at_ == prefix_.size()) {
      return rest_.read(into);
    }
    const std::size_t count = std::min(into.size(), prefix_.size() - at_);
    std::memcpy(into.data(), prefix_.data() + at_, count);
    at_ += count;
    return count;
  }

private:
  std::string prefix_;
  std::size_t at_ = 0;
  ByteSource& rest_;
};

// Compressed bytes as they come from the source.
class Input {
public:
  explicit Input(PrefixedSource source) : source_(std::move(source)) {}

  // Some bytes that are not used up yet; empty at the end.
  Result<std::span<std::byte>> peek() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = TRY(source_.read({buffer_.get(), kReadSize}));
    }
    return std::span(buffer_.get() + begin_, end_ - begin_);
  }
  void use(std::size_t count) { begin_ += count; }

private:
  PrefixedSource source_;
  std::unique_ptr<std::byte[]> buffer_ = std::make_unique_for_overwrite<std::byte[]>(kReadSize);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class GzipSource final : public ByteSource {
public:
  explicit GzipSource(PrefixedSource source) : input_(std::move(source)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    for (;;) {
      const std::span<std::byte> input = TRY(input_.peek());
      if (input.empty()) {
        if (inflater_.in_member()) {
          return input_error("the gzip stream is cut short");
        }
        return std::size_t{0};
      }
      const Inflater::Step step = TRY(inflater_.step(input, into));
      input_.use(step.used);
      if (step.made != 0) {
        return step.made;
      }
    }
  }

private:
  Input input_;
  Inflater inflater_;
};

class ZstdSource final : public ByteSource {
public:
  explicit ZstdSource(PrefixedSource source) : input_(std::move(source)) {
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLog);
  }
  ~ZstdSource() override { ZSTD_freeDCtx(context_); }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;

  Result<std::size_t> read(std::span<std::byte> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    for (;;) {
      // What a former call had no room for comes out without further input.
      const std::span<std::byte> input = TRY(input_.peek());
      ZSTD_inBuffer in{input.data(), input.size(), 0};
      const std::size_t outcome = ZSTD_decompressStream(context_, &out, &in);
      input_.use(in.pos);
      if (ZSTD_isError(outcome) != 0) {
        return input_error("the zstd stream is damaged: {}", ZSTD_getErrorName(outcome));
      }
      if (in.pos != 0 || out.pos != 0) {
        in_frame_ = outcome != 0;
      }
      if (out.pos != 0) {
        return out.pos;
      }
      if (input.empty()) {
        if (in_frame_) {
          return input_error("the zstd stream is cut short");
        }
        return std::size_t{0};
      }
    }
  }

private:
  Input input_;
  ZSTD_DCtx* context_ = ZSTD_createDCtx();
  bool in_frame_ = false;
};

} // namespace

std::string_view name_of(Compression compression) {
  switch (compression) {
  case Compression::gzip:
    return "gzip";
  case Compression::zstd:
    return "zstd";
  case Compression::none:
    break;
  }
  return "none";
}

Result<Decompressed> decompress(ByteSource& source) {
  std::string start(kProbe, '\0');
  start.resize(TRY(read_fully(source, std::as_writable_bytes(std::span(start)))));
  const bool gzip = is_gzip(start);
  const bool zstd = is_zstd(start);
  PrefixedSource all(std::move(start), source);
  if (gzip) {
    return Decompressed{Compression::gzip, std::make_unique<GzipSource>(std::move(all))};
  }
  if (zstd) {
    return Decompressed{Compression::zstd, std::make_unique<ZstdSource>(std::move(all))};
  }
  return Decompressed{Compression::none, std::make_unique<PrefixedSource>(std::move(all))};
}

struct GzipWriter::State {
  z_stream stream{};
  std::string ready;
  std::array<char, 65536> room;
};

GzipWriter::GzipWriter() : state_(std::make_unique<State>()) {
  [[maybe_unused]] const int made = ::deflateInit2(&state_->stream, kGzipStreamLevel, Z_DEFLATED,
                                                   kGzipWindow, kGzipMemory, Z_DEFAULT_STRATEGY);
  assert(made == Z_OK);
}

GzipWriter::~GzipWriter() {
  ::deflateEnd(&state_->stream);
}

void GzipWriter::write(std::string_view text) {
  while (!text.empty()) {
    const auto count = std::min<std::size_t>(text.size(), std::numeric_limits<uInt>::max());
    feed(text.substr(0, count), Z_NO_FLUSH);
    text.remove_prefix(count);
  }
}

void GzipWriter::finish() {
  feed({}, Z_FINISH);
}

// zlib takes all input as long as there is room for output.
void GzipWriter::feed(std::string_view text, int flush) {
  z_stream& stream = state_->stream;
  // zlib's pointer is not to const, but it only reads.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  do {
    stream.next_out = reinterpret_cast<Bytef*>(state_->room.data());
    stream.avail_out = static_cast<uInt>(state_->room.size());
    ::deflate(&stream, flush);
    state_->ready.append(state_->room.data(), state_->room.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

std::string GzipWriter::take() {
  return std::exchange(state_->ready, {});
}

} // namespace dind::archive
