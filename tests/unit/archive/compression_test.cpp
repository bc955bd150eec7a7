#include <archive/compression.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>

#include <gtest/gtest.h>
#include <zstd.h>

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
  EXPECT_EQ(unpacked(gzip("")).value(), "");
  EXPECT_EQ(unpacked(zstd("")).value(), "");
}

TEST(CompressionTest, TakesSeveralMembersOrFramesForOneStream) {
  EXPECT_EQ(unpacked(gzip("one ") + gzip("") + gzip("two")).value(), "one two");
  EXPECT_EQ(unpacked(zstd("one ") + zstd("") + zstd("two")).value(), "one two");
}

TEST(CompressionTest, RefusesAStreamThatIsCutAnywhere) {
  const std::string text = sample().substr(0, 3000);
  for (const std::string& packed : {gzip(text), zstd(text)}) {
    for (std::size_t size = 4; size < packed.size(); ++size) {
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
}

TEST(CompressionTest, RefusesAZstdWindowThatWouldNeedTooMuchMemory) {
  // A frame header with a window descriptor of 2 GiB.
  const std::string frame("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9);
  EXPECT_TRUE(fails_saying("damaged", unpacked(frame)));
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
