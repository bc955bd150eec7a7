#include <containerd/records.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace dind::containerd {
namespace {

using test::fails_saying;
using test::ok;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// The bytes are Go's, of encoding/binary and time.MarshalBinary.
TEST(RecordsTest, AreWrittenAsGoWritesThem) {
  EXPECT_EQ(encode_size(0), std::string(1, '\0'));
  EXPECT_EQ(encode_size(4), "\x08");
  EXPECT_EQ(encode_size(64), "\x80\x01");
  EXPECT_EQ(encode_id(300), "\xac\x02");
  EXPECT_EQ(encode_parenthood(300, 1), std::string("\xac\x02\0\x01", 4));
  EXPECT_EQ(encode_time({0, 0}),
            std::string("\x01\x00\x00\x00\x0e\x77\x91\xf7\x00\x00\x00\x00\x00\xff\xff", 15));
  EXPECT_EQ(encode_time({1, 258}).substr(8), std::string("\x01\x00\x00\x01\x02\xff\xff", 7));
}

TEST(RecordsTest, ReadBackWhatWasWritten) {
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{1} << 40U, kMost}) {
    EXPECT_EQ(decode_id(encode_id(number)).value(), number);
    EXPECT_EQ(decode_size(encode_size(number / 2)).value(), number / 2);
  }
}

TEST(RecordsTest, RefuseWhatIsNoNumber) {
  for (const std::string& bytes : {std::string(), std::string("\x80"), std::string(10, '\x80'),
                                   std::string(11, '\xff'), std::string(9, '\xff') + "\x02"}) {
    EXPECT_TRUE(fails_saying("no number", decode_id(bytes)));
  }
  EXPECT_TRUE(fails_saying("a negative size", decode_size("\x01")));
}

TEST(RecordsTest, KnowOneVersion) {
  EXPECT_TRUE(ok(check_version(encode_size(4))));
  EXPECT_TRUE(ok(check_version(encode_size(3))));
  EXPECT_TRUE(fails_saying("version 5, where 3 and 4 are known", check_version(encode_size(5))));
  EXPECT_TRUE(fails_saying("no version", check_version(std::nullopt)));
}

} // namespace
} // namespace dind::containerd
