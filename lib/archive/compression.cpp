#include <archive/compression.hpp>

#include <archive/inflater.hpp>

#include <zlib.h>
#include <zstd.h>
#include <bzlib.h>
#include <lzma.h>
#include <zstd_errors.h>

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
constexpr int kZstdWindowLog = 27;               // 128 MiB, zstd's own limit for untrusted input
constexpr std::uint64_t kXzMemory = 128U << 20U; // twice what `xz -9` asks for
constexpr std::size_t kProbe = 10;

bool is_gzip(std::string_view start) {
  return start.starts_with("\x1f\x8b\x08");
}

bool is_zstd(std::string_view start) {
  // A skippable frame may come first: 0x184d2a50 to 0x184d2a5f, little-endian.
  return start.starts_with("\x28\xb5\x2f\xfd") ||
         (!start.empty() && (static_cast<unsigned char>(start[0]) & 0xf0U) == 0x50 &&
          start.substr(1).starts_with("\x2a\x4d\x18"));
}

bool is_xz(std::string_view start) {
  return start.starts_with(std::string_view("\xfd\x37zXZ\0", 6));
}

// "BZh", the size of blocks, and what the first block, or the end of none, begins with.
bool is_bzip2(std::string_view start) {
  return start.size() == kProbe && start.starts_with("BZh") && start[3] >= '1' && start[3] <= '9' &&
         (start.substr(4) == "1AY&SY" || start.substr(4) == "\x17\x72\x45\x38\x50\x90");
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
      const std::span<std::byte> input = TRY(skip_padding());
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
  // What comes next, behind zeros that end a stream: tapes and writers of whole blocks leave them,
  // and gzip and the pigz of an engine pass over them.
  Result<std::span<std::byte>> skip_padding() {
    for (;;) {
      const std::span<std::byte> input = TRY(input_.peek());
      const auto next =
          inflater_.in_member() ? input.begin() : std::find_if(input.begin(), input.end(), is_set);
      input_.use(static_cast<std::size_t>(next - input.begin()));
      if (next != input.end() || input.empty()) {
        return std::span(next, input.end());
      }
    }
  }
  static bool is_set(std::byte byte) { return byte != std::byte{0}; }

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
      if (ZSTD_getErrorCode(outcome) == ZSTD_error_frameParameter_windowTooLarge) {
        return input_error("the zstd stream has a window of more than 128 MiB; compress it with "
                           "--long=27 at most");
      }
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

class XzSource final : public ByteSource {
public:
  explicit XzSource(PrefixedSource source) : input_(std::move(source)) {
    [[maybe_unused]] const lzma_ret made =
        ::lzma_stream_decoder(&stream_, kXzMemory, LZMA_CONCATENATED);
    assert(made == LZMA_OK);
  }
  ~XzSource() override { ::lzma_end(&stream_); }
  XzSource(const XzSource&) = delete;
  XzSource& operator=(const XzSource&) = delete;

  Result<std::size_t> read(std::span<std::byte> into) override {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(into.data());
    stream_.avail_out = into.size();
    while (!ended_ && stream_.avail_out == into.size()) {
      const std::span<std::byte> input = TRY(input_.peek());
      TRY(step(input));
    }
    return into.size() - stream_.avail_out;
  }

private:
  Result<void> step(std::span<std::byte> input) {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    stream_.avail_in = input.size();
    const lzma_ret outcome = ::lzma_code(&stream_, input.empty() ? LZMA_FINISH : LZMA_RUN);
    input_.use(input.size() - stream_.avail_in);
    switch (outcome) {
    case LZMA_OK:
      return {};
    case LZMA_STREAM_END:
      ended_ = true;
      return {};
    case LZMA_BUF_ERROR:
      return input_error("the xz stream is {}", input.empty() ? "cut short" : "damaged");
    case LZMA_MEMLIMIT_ERROR:
      return input_error("the xz stream needs more than {} MiB to be read; compress it with xz -9 "
                         "at most",
                         kXzMemory >> 20U);
    default:
      return input_error("the xz stream is damaged");
    }
  }

  Input input_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

class Bzip2Source final : public ByteSource {
public:
  explicit Bzip2Source(PrefixedSource source) : input_(std::move(source)) {}
  ~Bzip2Source() override { end_member(); }
  Bzip2Source(const Bzip2Source&) = delete;
  Bzip2Source& operator=(const Bzip2Source&) = delete;

  Result<std::size_t> read(std::span<std::byte> into) override {
    const auto room = static_cast<unsigned>(
        std::min<std::size_t>(into.size(), std::numeric_limits<unsigned>::max()));
    stream_.next_out = reinterpret_cast<char*>(into.data());
    stream_.avail_out = room;
    while (stream_.avail_out == room) {
      const std::span<std::byte> input = TRY(input_.peek());
      if (input.empty()) {
        return in_member_ ? Result<std::size_t>(input_error("the bzip2 stream is cut short"))
                          : std::size_t{0};
      }
      TRY(step(input));
    }
    return std::size_t{room - stream_.avail_out};
  }

private:
  void begin_member() {
    const auto next_out = stream_.next_out;
    const auto avail_out = stream_.avail_out;
    stream_ = {};
    [[maybe_unused]] const int made = ::BZ2_bzDecompressInit(&stream_, 0, 0);
    assert(made == BZ_OK);
    stream_.next_out = next_out;
    stream_.avail_out = avail_out;
    in_member_ = true;
  }
  void end_member() {
    if (std::exchange(in_member_, false)) {
      ::BZ2_bzDecompressEnd(&stream_);
    }
  }

  Result<void> step(std::span<std::byte> input) {
    if (!in_member_) {
      begin_member();
    }
    stream_.next_in = reinterpret_cast<char*>(input.data());
    stream_.avail_in = static_cast<unsigned>(input.size());
    const int outcome = ::BZ2_bzDecompress(&stream_);
    input_.use(input.size() - stream_.avail_in);
    if (outcome == BZ_STREAM_END) {
      end_member();
      return {};
    }
    return outcome == BZ_OK ? Result<void>() : input_error("the bzip2 stream is damaged");
  }

  Input input_;
  bz_stream stream_{};
  bool in_member_ = false;
};

Compression kind_of(std::string_view start) {
  return is_gzip(start)    ? Compression::gzip
         : is_zstd(start)  ? Compression::zstd
         : is_xz(start)    ? Compression::xz
         : is_bzip2(start) ? Compression::bzip2
                           : Compression::none;
}

std::unique_ptr<ByteSource> open_stream(Compression kind, PrefixedSource source) {
  switch (kind) {
  case Compression::gzip:
    return std::make_unique<GzipSource>(std::move(source));
  case Compression::zstd:
    return std::make_unique<ZstdSource>(std::move(source));
  case Compression::xz:
    return std::make_unique<XzSource>(std::move(source));
  case Compression::bzip2:
    return std::make_unique<Bzip2Source>(std::move(source));
  case Compression::none:
    break;
  }
  return std::make_unique<PrefixedSource>(std::move(source));
}

} // namespace

std::string_view name_of(Compression compression) {
  switch (compression) {
  case Compression::gzip:
    return "gzip";
  case Compression::zstd:
    return "zstd";
  case Compression::xz:
    return "xz";
  case Compression::bzip2:
    return "bzip2";
  case Compression::none:
    break;
  }
  return "none";
}

Result<Decompressed> decompress(ByteSource& source) {
  std::string start(kProbe, '\0');
  start.resize(TRY(read_fully(source, std::as_writable_bytes(std::span(start)))));
  const Compression kind = kind_of(start);
  return Decompressed{kind, open_stream(kind, PrefixedSource(std::move(start), source))};
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
