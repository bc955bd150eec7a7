#include <archive/sha256.hpp>
#include <support/layer.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::archive {
namespace {

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

} // namespace
} // namespace dind::archive
