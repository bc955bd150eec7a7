#include <archive/sha256.hpp>
#include <support/layer.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::archive {
namespace {

std::uint64_t crc_of(std::string_view text) {
  Crc64Iso crc;
  crc.update(std::as_bytes(std::span(text)));
  return crc.value();
}

TEST(Sha256Test, HashesTheVectorsOfFips180) {
  EXPECT_EQ(sha256_of("").hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, IsTheSameHoweverTheInputIsCut) {
  const std::string text(10'000, 'x');
  Sha256 hash;
  for (std::size_t at = 0; at < text.size(); at += 77) {
    hash.update(
        std::as_bytes(std::span(text).subspan(at, std::min<std::size_t>(77, text.size() - at))));
  }
  EXPECT_EQ(hash.finish(), sha256_of(text));
}

TEST(HashingSourceTest, CountsAndHashesWhatIsRead) {
  MemorySource inner("some bytes");
  HashingSource source(inner);
  ASSERT_EQ(test::read_whole(source).value(), "some bytes");
  EXPECT_EQ(source.bytes(), 10U);
  EXPECT_EQ(source.finish(), sha256_of("some bytes"));
}

TEST(Crc64IsoTest, HasTheCheckValueOfGosTable) {
  EXPECT_EQ(crc_of(""), 0U);
  EXPECT_EQ(crc_of("123456789"), 0xb90956c775a41001U);
}

TEST(Crc64IsoTest, GivesTheSameInPiecesOfEveryLengthAsByteByByte) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += static_cast<char>(i * 7);
  }
  for (std::size_t piece = 1; piece < 70; ++piece) {
    Crc64Iso whole;
    Crc64Iso bytewise;
    const auto bytes = std::as_bytes(std::span(text));
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      whole.update(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    }
    for (const std::byte& byte : bytes) {
      bytewise.update({&byte, 1});
    }
    EXPECT_EQ(whole.value(), bytewise.value()) << piece;
  }
}

} // namespace
} // namespace dind::archive
