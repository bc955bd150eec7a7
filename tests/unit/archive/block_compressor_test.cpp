#include <archive/block_compressor.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <thread>

namespace dind::archive {
namespace {

using test::ok;

class TextSink final : public ByteSink {
public:
  Result<void> write(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string text;
};

// Neither all the same nor random.
std::string sample(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) {
    text += std::to_string(i * i) + "\n";
  }
  text.resize(size);
  return text;
}

std::string compress(CompressorPool& pool, const std::string& text, std::size_t piece) {
  TextSink sink;
  BlockCompressor compressor(pool, sink);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    EXPECT_TRUE(ok(compressor.write_text(std::string_view(text).substr(at, piece))));
  }
  EXPECT_TRUE(ok(compressor.finish()));
  return sink.text;
}

std::string plain_text(const std::string& bytes) {
  MemorySource raw(bytes);
  auto plain = decompress(raw);
  EXPECT_TRUE(ok(plain));
  TextSink sink;
  EXPECT_TRUE(ok(pour(*plain->source, sink)));
  return sink.text;
}

class BlockCompressorTest : public testing::TestWithParam<Compression> {};

TEST_P(BlockCompressorTest, GivesBackWhatItGotWhateverItsSize) {
  CompressorPool pool(GetParam(), 2);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, BlockCompressor::kBlock, BlockCompressor::kBlock * 4 + 1}) {
    const std::string text = sample(size);
    EXPECT_TRUE(plain_text(compress(pool, text, 100'000)) == text) << size;
  }
}

TEST_P(BlockCompressorTest, DependsNeitherOnThreadsNorOnPieces) {
  const std::string text = sample(BlockCompressor::kBlock * 3 / 2);
  CompressorPool one(GetParam(), 1);
  CompressorPool many(GetParam(), 5);
  const std::string expected = compress(one, text, text.size());
  EXPECT_TRUE(compress(many, text, 12'345) == expected);
}

TEST_P(BlockCompressorTest, GivesTheSameWhereNoThreadCanBeHad) {
  NEEDS(::geteuid() == 0, "root");
  const std::string text = sample(BlockCompressor::kBlock * 3 / 2);
  std::string expected;
  {
    CompressorPool pool(GetParam(), 2);
    expected = compress(pool, text, text.size());
  }
  EXPECT_TRUE(test::holds_without_threads([&] {
    CompressorPool pool(GetParam(), 2);
    EXPECT_TRUE(compress(pool, text, text.size()) == expected);
  }));
}

TEST_P(BlockCompressorTest, SharesAPoolAmongStreams) {
  CompressorPool pool(GetParam(), 2);
  const std::string text = sample(BlockCompressor::kBlock * 2);
  const std::string expected = compress(pool, text, 1U << 20U);
  std::string other;
  std::thread thread([&] { other = compress(pool, text, 1U << 20U); });
  EXPECT_TRUE(compress(pool, text, 1U << 20U) == expected);
  thread.join();
  EXPECT_TRUE(other == expected);
}

INSTANTIATE_TEST_SUITE_P(Every, BlockCompressorTest,
                         testing::Values(Compression::gzip, Compression::zstd),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST(BlockCompressorTest, AStreamMayBeGivenUp) {
  CompressorPool pool(Compression::zstd, 1);
  TextSink sink;
  BlockCompressor compressor(pool, sink);
  EXPECT_TRUE(ok(compressor.write_text(sample(BlockCompressor::kBlock * 3))));
}

} // namespace
} // namespace dind::archive
