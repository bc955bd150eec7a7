#include <archive/member_header.hpp>
#include <archive/tar_reader.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::archive {
namespace {

using test::ok;

struct Case {
  const char* name;
  TarEntry entry;
  std::size_t headers; // blocks: one, or three with a PAX header in front
};

class MemberHeaderTest : public testing::TestWithParam<Case> {};

TEST_P(MemberHeaderTest, IsReadAsItWasWritten) {
  const TarEntry& written = GetParam().entry;
  const std::string header = print_member_header(written);
  EXPECT_EQ(header.size(), GetParam().headers * 512);
  const std::string tar = header + tar_trailer();
  MemorySource source(tar);
  TarReader reader(source);
  const auto next = reader.next();
  ASSERT_TRUE(ok(next));
  ASSERT_TRUE(next->has_value());
  const TarEntry& read = **next;
  EXPECT_EQ(read.name, written.name + (written.type == EntryType::directory ? "/" : ""));
  EXPECT_EQ(read.type, written.type);
  EXPECT_EQ(read.mode, written.mode);
  EXPECT_EQ(read.uid, written.uid);
  EXPECT_EQ(read.gid, written.gid);
  EXPECT_EQ(read.mtime, written.mtime);
  EXPECT_EQ(read.mtime_ns, written.mtime_ns);
  EXPECT_EQ(read.link_name, written.link_name);
  ASSERT_EQ(read.xattrs.size(), written.xattrs.size());
  for (std::size_t i = 0; i < read.xattrs.size(); ++i) {
    EXPECT_EQ(read.xattrs[i].name, written.xattrs[i].name);
    EXPECT_EQ(read.xattrs[i].value, written.xattrs[i].value);
  }
}

const std::string kDeep = std::string(94, 'p') + "/" + std::string(100, 'n');

const Case kCases[] = {
    {"Plain", {.name = "a/b", .mode = 04755, .uid = 1, .gid = 2, .mtime = 1'700'000'000}, 1},
    {"NameOfTwoFields", {.name = kDeep}, 1},
    {"DirectoryOfTwoFields",
     {.name = kDeep.substr(0, kDeep.size() - 1), .type = EntryType::directory, .mode = 01777},
     1},
    {"NameThatDoesNotSplit", {.name = kDeep + "x"}, 3},
    {"OneLongComponent", {.name = std::string(250, 'x')}, 3},
    {"NotAscii", {.name = "\xc3\xa9t\xc3\xa9"}, 3},
    {"NotUtf8",
     {.name = "raw\xff", .type = EntryType::symlink, .mode = 0777, .link_name = "\xfe"},
     3},
    {"LongLink",
     {.name = "l", .type = EntryType::hard_link, .link_name = std::string(101, 't')},
     3},
    {"Nanoseconds", {.name = "f", .mtime = 5, .mtime_ns = 120'000'000}, 3},
    {"FarFuture", {.name = "f", .mtime = 9'223'372'035}, 3},
    {"LargeOwner", {.name = "f", .uid = 0xfffffffeU, .gid = 2'097'152}, 3},
    {"LargestOctalOwner", {.name = "f", .uid = 2'097'151, .gid = 2'097'151}, 1},
    {"Capability",
     {.name = "f", .xattrs = {{"security.capability", std::string("\x01\0\0\x02\0\n=", 7)}}},
     3},
};

INSTANTIATE_TEST_SUITE_P(Every, MemberHeaderTest, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(MemberHeaderTest, SaysSizesThatNoOctalFieldHolds) {
  const std::string header = print_member_header({.name = "f", .size = std::uint64_t{1} << 34U});
  EXPECT_NE(header.find("20 size=17179869184\n"), std::string::npos);
}

TEST(MemberHeaderTest, PadsToWholeBlocks) {
  EXPECT_EQ(member_padding(0).size(), 0U);
  EXPECT_EQ(member_padding(1).size(), 511U);
  EXPECT_EQ(member_padding(512).size(), 0U);
}

} // namespace
} // namespace dind::archive
