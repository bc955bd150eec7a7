#include <archive/pax.hpp>
#include <support/expect.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::pax_record;

TEST(PaxTest, ReadsRecordsAndTheLastOfAKeyWins) {
  const auto records = parse_pax(pax_record("path", "first") + pax_record("path", "second\n=\xff") +
                                 pax_record("comment", ""));
  ASSERT_TRUE(test::ok(records));
  EXPECT_EQ(find_pax(*records, "path"), "second\n=\xff");
  EXPECT_EQ(find_pax(*records, "comment"), "");
  EXPECT_EQ(find_pax(*records, "absent"), "");
}

TEST(PaxTest, RefusesMalformedRecords) {
  for (const char* body : {"x", "5 a=", "30 path=short\n", "-6 a=b\n", "6 a=bcde\n", "5 =b\n",
                           "8 abcde\n", "99999999999999999999 a=b\n", "4 a\n", "12 path=file"}) {
    EXPECT_TRUE(fails_saying("malformed", parse_pax(body))) << body;
  }
}

TEST(PaxTest, RefusesNulInNamesButNotInValues) {
  EXPECT_TRUE(fails_saying("NUL", parse_pax(pax_record("path", std::string("a\0b", 3)))));
  EXPECT_TRUE(fails_saying("NUL", parse_pax(pax_record(std::string("k\0", 2), "v"))));
  const std::string value("\x01\0\0\x02", 4);
  EXPECT_EQ(
      find_pax(parse_pax(pax_record("SCHILY.xattr.user.x", value)).value(), "SCHILY.xattr.user.x"),
      value);
}

TEST(PaxTest, JoinsTheMapOfSparseFormat00) {
  const auto records =
      parse_pax(pax_record("GNU.sparse.offset", "0") + pax_record("GNU.sparse.numbytes", "10") +
                pax_record("GNU.sparse.offset", "20") + pax_record("GNU.sparse.numbytes", "5"));
  EXPECT_EQ(find_pax(*records, "GNU.sparse.map"), "0,10,20,5");
  EXPECT_TRUE(fails_saying("out of order", parse_pax(pax_record("GNU.sparse.numbytes", "1"))));
}

struct Time {
  const char* text;
  std::int64_t seconds;
  std::uint32_t nanoseconds;
};

const Time kTimes[] = {
    {"1350244992.023960108", 1350244992, 23960108},
    {"1350244992.02396010", 1350244992, 23960100},
    {"1350244992.0239601089", 1350244992, 23960108}, // digits behind the ninth are dropped
    {"1350244992", 1350244992, 0},
    {"1350244992.", 1350244992, 0},
    {"-1.000000001", -2, 999999999},
    {"-1.5", -2, 500000000},
    {"-0.5", -1, 500000000},
    {"-1", -1, 0},
};

TEST(PaxTimeTest, ReadsFractionsAndNegativeTimes) {
  for (const Time& row : kTimes) {
    const auto time = parse_pax_time(row.text);
    ASSERT_TRUE(test::ok(time)) << row.text;
    EXPECT_EQ(time->seconds, row.seconds) << row.text;
    EXPECT_EQ(time->nanoseconds, row.nanoseconds) << row.text;
  }
}

TEST(PaxTimeTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "x", "1.x", "1.-5", ".5", "1 ", "9999999999999999999", "-9223372036854775808.5"}) {
    EXPECT_FALSE(parse_pax_time(text)) << text;
  }
}

} // namespace
} // namespace dind::archive
