#include <archive/tar_header.hpp>
#include <support/expect.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::TarBuilder;
using test::TarMember;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Result<TarHeader> header_of(const TarMember& member) {
  TarBuilder tar;
  tar.add(member);
  return parse_tar_header(TarBlock(bytes_of(tar.bytes()).first<kTarBlock>()));
}

const std::string kGnu("ustar  \0", 8);
const std::string kV7(8, '\0');

TEST(TarHeaderTest, ReadsEveryField) {
  const auto header = header_of({.name = "dev/x",
                                 .type = '3',
                                 .mode = 04755,
                                 .uid = 1000,
                                 .gid = 2'000'000'000,
                                 .mtime = -5,
                                 .link_name = "there",
                                 .device_major = 7,
                                 .device_minor = 300,
                                 .declared_size = 1ULL << 40U});
  ASSERT_TRUE(test::ok(header));
  EXPECT_EQ(header->name, "dev/x");
  EXPECT_EQ(header->type, '3');
  EXPECT_EQ(header->mode, 04755);
  EXPECT_EQ(header->uid, 1000);
  EXPECT_EQ(header->gid, 2'000'000'000);
  EXPECT_EQ(header->mtime, -5);
  EXPECT_EQ(header->size, 1LL << 40);
  EXPECT_EQ(header->link_name, "there");
  EXPECT_EQ(header->device_major, 7);
  EXPECT_EQ(header->device_minor, 300);
}

TEST(TarHeaderTest, TakesThePrefixFromUstarOnly) {
  const TarMember ustar{.name = "name", .prefix = "some/dir"};
  EXPECT_EQ(header_of(ustar)->name, "some/dir/name");
  TarMember gnu = ustar;
  gnu.magic = kGnu;
  gnu.prefix = "00000000001"; // GNU has the access time there
  EXPECT_EQ(header_of(gnu)->name, "name");
  TarMember v7 = ustar;
  v7.magic = kV7;
  EXPECT_EQ(header_of(v7)->name, "name");
  EXPECT_EQ(header_of(v7)->format, TarFormat::v7);
}

TEST(TarHeaderTest, TakesAPrefixFromTheGnuHeadersOfOldGo) {
  EXPECT_EQ(header_of({.name = "name", .prefix = "no/time", .magic = kGnu})->name, "no/time/name");
  EXPECT_EQ(header_of({.name = "name", .prefix = "no/time\xff", .magic = kGnu})->name, "name");
}

TEST(TarHeaderTest, RefusesAWrongChecksum) {
  EXPECT_TRUE(fails_saying("checksum", header_of({.name = "x", .bad_checksum = true})));
}

TEST(TarHeaderTest, AcceptsAChecksumOfSignedBytes) {
  TarBuilder tar;
  tar.add({.name = "\xff\xfe"});
  std::string block = tar.bytes();
  const long sum = std::stol(block.substr(148, 6), nullptr, 8) - 2 * 256;
  block.replace(148, 6, fmt::format("{:06o}", sum));
  EXPECT_TRUE(test::ok(parse_tar_header(TarBlock(bytes_of(block).first<kTarBlock>()))));
}

struct Number {
  std::string field;
  std::int64_t value;
};

TEST(TarNumberTest, ReadsOctalAndBase256) {
  const Number rows[] = {
      {std::string("0000644\0", 8), 0644},
      {"  644 ", 0644},
      {std::string("\0\0\0\0", 4), 0},
      {"77777777", 077777777},
      {std::string("\x80\0\0\0\0\0\x01\x02", 8), 0x102},
      {"\xff\xff\xff\xff", -1},
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", -2},
      {std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12),
       std::numeric_limits<std::int64_t>::max()},
  };
  for (const Number& row : rows) {
    const auto number = parse_tar_number(bytes_of(row.field));
    ASSERT_TRUE(test::ok(number));
    EXPECT_EQ(*number, row.value);
  }
}

TEST(TarNumberTest, RefusesWhatIsNoNumber) {
  const std::string rows[] = {"0000888",
                              "12 34",
                              "-1",
                              "abc",
                              std::string("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12),
                              "\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
  for (const std::string& row : rows) {
    EXPECT_FALSE(parse_tar_number(bytes_of(row))) << row;
  }
}

} // namespace
} // namespace dind::archive
