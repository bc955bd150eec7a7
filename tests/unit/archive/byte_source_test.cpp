#include <archive/byte_source.hpp>
#include <archive/read_buffer.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::read_whole;
using test::TempDir;

// Gives one byte at a time, as a slow pipe may.
class Trickle final : public ByteSource {
public:
  explicit Trickle(std::string_view bytes) : inner_(bytes) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    return inner_.read(into.first(1));
  }

private:
  MemorySource inner_;
};

TEST(RangeSourceTest, ReadsItsPartAndNoMore) {
  const TempDir dir;
  const Fd fd = sys::open_path(dir.write("file", "0123456789"), O_RDONLY).value();
  RangeSource first(fd, 2, 3);
  RangeSource second(fd, 5, 5);
  EXPECT_EQ(read_whole(second).value(), "56789");
  EXPECT_EQ(read_whole(first).value(), "234");
}

TEST(RangeSourceTest, RefusesAFileThatEndsEarly) {
  const TempDir dir;
  const Fd fd = sys::open_path(dir.write("file", "0123456789"), O_RDONLY).value();
  RangeSource source(fd, 8, 5);
  EXPECT_TRUE(fails_saying("ends 3 bytes too early", read_whole(source)));
}

TEST(FdSourceTest, ReadsFromWhereTheDescriptorStands) {
  const TempDir dir;
  const Fd fd = sys::open_path(dir.write("file", "0123456789"), O_RDONLY).value();
  std::array<std::byte, 4> start{};
  FdSource source(fd);
  EXPECT_EQ(read_fully(source, start).value(), 4U);
  EXPECT_EQ(read_whole(source).value(), "456789");
}

TEST(ReadFullyTest, GathersPiecesAndStopsAtTheEnd) {
  Trickle source("abc");
  std::array<std::byte, 5> into{};
  EXPECT_EQ(read_fully(source, into).value(), 3U);
  EXPECT_EQ(into[2], std::byte{'c'});
}

TEST(ReadBufferTest, GathersWhatIsPeekedAndKeepsTheOffset) {
  Trickle source("abcdef");
  ReadBuffer buffer(source);
  EXPECT_EQ(buffer.peek(4).value().size(), 4U);
  buffer.use(3);
  const auto rest = buffer.peek(10).value();
  ASSERT_EQ(rest.size(), 3U);
  EXPECT_EQ(rest.front(), std::byte{'d'});
  EXPECT_EQ(buffer.offset(), 3U);
}

TEST(ReadBufferTest, PeeksAcrossItsOwnEnd) {
  const std::string bytes = std::string(kReadSize, 'a') + std::string(kReadSize, 'b');
  MemorySource source(bytes);
  ReadBuffer buffer(source);
  EXPECT_EQ(buffer.peek(kReadSize).value().size(), kReadSize);
  buffer.use(kReadSize - 1);
  const auto both = buffer.peek(512).value();
  ASSERT_EQ(both.size(), 512U);
  EXPECT_EQ(both[0], std::byte{'a'});
  EXPECT_EQ(both[1], std::byte{'b'});
}

} // namespace
} // namespace dind::archive
