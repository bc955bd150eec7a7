#include <archive/compression.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>

#include <gtest/gtest.h>
#include <zstd.h>
#include <bzlib.h>
#include <lzma.h>

#include <array>
#include <string>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::ok;
using test::read_whole;

std::string sample() {
  std::string text;
  for (unsigned i = 0; i < 200'000; ++i) {
    text += static_cast<char>('a' + i * i % 23);
  }
  return text;
}

std::string gzip(std::string_view text) {
  GzipWriter writer;
  writer.write(text);
  writer.finish();
  return writer.take();
}

std::string zstd(std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

std::string xz(std::string_view text) {
  std::string packed(::lzma_stream_buffer_bound(text.size()), '\0');
  std::size_t size = 0;
  EXPECT_EQ(::lzma_easy_buffer_encode(
                6, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const std::uint8_t*>(text.data()),
                text.size(), reinterpret_cast<std::uint8_t*>(packed.data()), &size, packed.size()),
            LZMA_OK);
  packed.resize(size);
  return packed;
}

std::string bzip2(std::string_view text) {
  std::string packed(text.size() * 2 + 600, '\0');
  auto size = static_cast<unsigned>(packed.size());
  std::string input(text); // which the library does not promise to leave alone
  EXPECT_EQ(::BZ2_bzBuffToBuffCompress(packed.data(), &size, input.data(),
                                       static_cast<unsigned>(input.size()), 9, 0, 0),
            BZ_OK);
  packed.resize(size);
  return packed;
}

Result<std::string> unpacked(std::string_view bytes) {
  MemorySource source(bytes);
  const Decompressed stream = TRY(decompress(source));
  return read_whole(*stream.source);
}

Compression kind_of(std::string_view bytes) {
  MemorySource source(bytes);
  return decompress(source).value().compression;
}

TEST(CompressionTest, TellsTheFormatsByTheirFirstBytes) {
  EXPECT_EQ(kind_of(gzip("x")), Compression::gzip);
  EXPECT_EQ(kind_of(zstd("x")), Compression::zstd);
  EXPECT_EQ(kind_of(std::string("\x53\x2a\x4d\x18\x00\x00\x00\x00", 8)), Compression::zstd);
  EXPECT_EQ(kind_of(xz("x")), Compression::xz);
  EXPECT_EQ(kind_of(bzip2("x")), Compression::bzip2);
  EXPECT_EQ(kind_of(bzip2("")), Compression::bzip2);
  EXPECT_EQ(kind_of("BZh9 is a name"), Compression::none);
  EXPECT_EQ(kind_of("plain"), Compression::none);
  EXPECT_EQ(kind_of("\x1f"), Compression::none);
  EXPECT_EQ(kind_of(""), Compression::none);
}

TEST(CompressionTest, PassesPlainBytesThroughWhole) {
  EXPECT_EQ(unpacked(sample()).value(), sample());
  EXPECT_EQ(unpacked("ab").value(), "ab");
  EXPECT_EQ(unpacked("").value(), "");
}

TEST(CompressionTest, UnpacksWhatWasPacked) {
  EXPECT_EQ(unpacked(gzip(sample())).value(), sample());
  EXPECT_EQ(unpacked(zstd(sample())).value(), sample());
  EXPECT_EQ(unpacked(xz(sample())).value(), sample());
  EXPECT_EQ(unpacked(bzip2(sample())).value(), sample());
  EXPECT_EQ(unpacked(xz("")).value(), "");
  EXPECT_EQ(unpacked(bzip2("")).value(), "");
  EXPECT_EQ(unpacked(gzip("")).value(), "");
  EXPECT_EQ(unpacked(zstd("")).value(), "");
}

TEST(CompressionTest, TakesSeveralMembersOrFramesForOneStream) {
  EXPECT_EQ(unpacked(gzip("one ") + gzip("") + gzip("two")).value(), "one two");
  EXPECT_EQ(unpacked(zstd("one ") + zstd("") + zstd("two")).value(), "one two");
  EXPECT_EQ(unpacked(xz("one ") + xz("") + xz("two")).value(), "one two");
  EXPECT_EQ(unpacked(bzip2("one ") + bzip2("") + bzip2("two")).value(), "one two");
}

TEST(CompressionTest, PassesOverTheZerosBehindAGzipStream) {
  for (const std::size_t zeros : {std::size_t{1}, std::size_t{512}, std::size_t{1} << 20U}) {
    EXPECT_EQ(unpacked(gzip("one ") + std::string(zeros, '\0') + gzip("two")).value(), "one two");
    EXPECT_EQ(unpacked(gzip("x") + std::string(zeros, '\0')).value(), "x");
  }
}

TEST(CompressionTest, RefusesAStreamThatIsCutAnywhere) {
  const std::string text = sample().substr(0, 3000);
  for (const std::string& packed : {gzip(text), zstd(text), xz(text), bzip2(text)}) {
    for (std::size_t size = 10; size < packed.size(); ++size) {
      ASSERT_TRUE(fails_saying("cut short", unpacked(packed.substr(0, size)))) << size;
    }
  }
}

TEST(CompressionTest, RefusesDamageAndWhatFollowsTheStream) {
  std::string packed = gzip(sample());
  packed[packed.size() - 5] ^= 0x40; // in the CRC
  EXPECT_TRUE(fails_saying("damaged", unpacked(packed)));
  EXPECT_TRUE(fails_saying("damaged", unpacked(gzip("x") + "trailing garbage")));
  EXPECT_TRUE(fails_saying("damaged", unpacked(zstd("x") + "trailing garbage")));
  EXPECT_TRUE(fails_saying("damaged", unpacked(xz("x") + "trailing garbage")));
  EXPECT_TRUE(fails_saying("damaged", unpacked(bzip2("x") + "trailing garbage")));
}

TEST(CompressionTest, RefusesAZstdWindowThatWouldNeedTooMuchMemory) {
  // A frame header with a window descriptor of 2 GiB.
  const std::string frame("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9);
  EXPECT_TRUE(fails_saying("a window of more than 128 MiB", unpacked(frame)));
}

TEST(CompressionTest, RefusesAnXzDictionaryThatWouldNeedTooMuchMemory) {
  std::string packed(1000, '\0');
  std::size_t size = 0;
  lzma_options_lzma options;
  ASSERT_FALSE(::lzma_lzma_preset(&options, 0));
  options.dict_size = 1U << 30U;
  std::array<lzma_filter, 2> filters = {lzma_filter{LZMA_FILTER_LZMA2, &options},
                                        lzma_filter{LZMA_VLI_UNKNOWN, nullptr}};
  // The encoder of a buffer needs no dictionary of that size.
  ASSERT_EQ(::lzma_stream_buffer_encode(filters.data(), LZMA_CHECK_NONE, nullptr,
                                        reinterpret_cast<const std::uint8_t*>("x"), 1,
                                        reinterpret_cast<std::uint8_t*>(packed.data()), &size,
                                        packed.size()),
            LZMA_OK);
  EXPECT_TRUE(fails_saying("needs more than 128 MiB", unpacked(packed.substr(0, size))));
}

TEST(GzipWriterTest, GivesTheSameBytesForTheSameInputHoweverItIsCut) {
  const std::string text = sample();
  GzipWriter writer;
  std::string packed;
  for (std::size_t at = 0; at < text.size(); at += 1000) {
    writer.write(std::string_view(text).substr(at, 1000));
    packed += writer.take();
  }
  writer.finish();
  packed += writer.take();
  EXPECT_EQ(packed, gzip(text));
  EXPECT_EQ(packed.substr(4, 4), std::string(4, '\0')); // no time
}

} // namespace
} // namespace dind::archive
