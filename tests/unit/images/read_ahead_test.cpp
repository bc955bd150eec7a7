#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <images/read_ahead.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>

namespace dind::images {
namespace {

using test::fails_saying;
using test::ok;

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(i * 7 + i / 251);
  }
  return bytes;
}

// Hands out `bytes` and then fails.
class FailingSource final : public archive::ByteSource {
public:
  explicit FailingSource(std::string_view bytes) : bytes_(bytes) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    const std::size_t got = TRY(bytes_.read(into));
    return got == 0 ? Result<std::size_t>(Error("the disk is on fire", EIO)) : got;
  }

private:
  archive::MemorySource bytes_;
};

TEST(ReadAheadTest, GivesTheSameBytesWhateverTheSize) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{256} << 10U, (std::size_t{3} << 20U) + 17}) {
    const std::string bytes = pattern(size);
    archive::MemorySource inner(bytes);
    ReadAhead ahead(inner);
    const auto read = test::read_whole(ahead);
    ASSERT_TRUE(ok(read)) << size;
    EXPECT_TRUE(*read == bytes) << size;
    std::byte more{};
    EXPECT_EQ(ahead.read({&more, 1}).value(), 0U) << "the end stays the end";
  }
}

TEST(ReadAheadTest, PassesAnErrorOnBehindTheBytesBeforeIt) {
  const std::string bytes = pattern(std::size_t{512} << 10U);
  FailingSource inner(bytes);
  ReadAhead ahead(inner);
  std::vector<std::byte> all(bytes.size());
  ASSERT_EQ(archive::read_fully(ahead, all).value(), bytes.size());
  std::byte more{};
  EXPECT_TRUE(fails_saying("the disk is on fire", ahead.read({&more, 1})));
}

TEST(ReadAheadTest, CanBeLeftInTheMiddle) {
  const std::string bytes = pattern(std::size_t{8} << 20U);
  archive::MemorySource inner(bytes);
  ReadAhead ahead(inner);
  std::byte one{};
  EXPECT_EQ(ahead.read({&one, 1}).value(), 1U);
}

TEST(ReadAheadTest, ReadsWithoutAThreadWhereNoneCanBeHad) {
  NEEDS(::geteuid() == 0, "root");
  EXPECT_TRUE(test::holds_without_threads([] {
    const std::string bytes = pattern(std::size_t{1} << 20U);
    archive::MemorySource inner(bytes);
    ReadAhead ahead(inner);
    const auto read = test::read_whole(ahead);
    ASSERT_TRUE(ok(read));
    EXPECT_TRUE(*read == bytes);
  }));
}

} // namespace
} // namespace dind::images
