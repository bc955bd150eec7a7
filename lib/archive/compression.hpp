#pragma once

#include <archive/byte_source.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace dind::archive {

enum class Compression { none, gzip, zstd, xz, bzip2 };
std::string_view name_of(Compression compression);

// Tells gzip, zstd, xz and bzip2 by their first bytes and decompresses as it is read;
// anything else passes through. Several members or frames in a row are one
// stream. A stream that is cut short, damaged, or needs more than 128 MiB to be
// read, is an error. `source` must outlive the result.
struct Decompressed {
  Compression compression = Compression::none;
  std::unique_ptr<ByteSource> source;
};
Result<Decompressed> decompress(ByteSource& source);

// Compresses into memory, the same bytes for the same input: no name, no time.
class GzipWriter {
public:
  GzipWriter();
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  void write(std::string_view text);
  // Compressed bytes that are ready so far; they are handed out once.
  std::string take();
  // Ends the stream. `take` gives the rest.
  void finish();

private:
  void feed(std::string_view text, int flush);

  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::archive
