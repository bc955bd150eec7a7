#include <archive/member_path.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::archive {
namespace {

using test::fails_saying;

TEST(CleanPathTest, CleansAsGoDoes) {
  EXPECT_EQ(clean_path("a/b").value(), "a/b");
  EXPECT_EQ(clean_path("./a//b/.").value(), "a/b");
  EXPECT_EQ(clean_path("dir/").value(), "dir");
  EXPECT_EQ(clean_path("a/...").value(), "a/...");
  for (const char* root : {"", ".", "./", "././"}) {
    EXPECT_EQ(clean_path(root).value(), "") << root;
  }
}

TEST(CleanPathTest, BeginsAtTheLayersRoot) {
  EXPECT_EQ(clean_path("/etc").value(), "etc");
  EXPECT_EQ(clean_path("//etc//issue/").value(), "etc/issue");
  EXPECT_EQ(clean_path("/../etc").value(), "etc");
  EXPECT_EQ(clean_path("a/../b").value(), "b");
  for (const char* root : {"/", "//", "/.", "a/.."}) {
    EXPECT_EQ(clean_path(root).value(), "") << root;
  }
}

TEST(CleanPathTest, RefusesWhatLeavesTheLayer) {
  EXPECT_TRUE(fails_saying("..", clean_path("..")));
  EXPECT_TRUE(fails_saying("..", clean_path("../b")));
  EXPECT_TRUE(fails_saying("..", clean_path("a/../../b")));
  EXPECT_TRUE(fails_saying("NUL", clean_path(std::string("a\0b", 3))));
}

TEST(CleanPathTest, RefusesWhatNoFilesystemHolds) {
  EXPECT_EQ(clean_path(std::string(255, 'x')).value().size(), 255U);
  EXPECT_TRUE(fails_saying("longer than 255", clean_path(std::string(256, 'x'))));
  std::string deep;
  for (int i = 0; i < 2100; ++i) {
    deep += "x/";
  }
  EXPECT_TRUE(fails_saying("longer than 4095", clean_path(deep)));
}

struct Cleaned {
  const char* name;
  const char* result;
};

// The table of Go's path/filepath tests.
const Cleaned kCleaned[] = {
    {"abc", "abc"},
    {"abc/def", "abc/def"},
    {"", "."},
    {".", "."},
    {"..", ".."},
    {"../..", "../.."},
    {"/abc", "/abc"},
    {"/", "/"},
    {"abc/", "abc"},
    {"../../", "../.."},
    {"//abc//", "/abc"},
    {"abc/./def", "abc/def"},
    {"abc/..", "."},
    {"abc/def/..", "abc"},
    {"/..", "/"},
    {"/../abc", "/abc"},
    {"abc/../../..", "../.."},
    {"/abc/../..", "/"},
    {"a/../../b", "../b"},
    {"../a/..", ".."},
};

TEST(LexicallyCleanTest, GivesWhatGoGives) {
  for (const Cleaned& row : kCleaned) {
    EXPECT_EQ(lexically_clean(row.name), row.result) << row.name;
  }
}

TEST(MemberPathTest, SplitsAtTheLastSlash) {
  EXPECT_EQ(parent_of("a/b/c"), "a/b");
  EXPECT_EQ(base_of("a/b/c"), "c");
  EXPECT_EQ(parent_of("a"), "");
  EXPECT_EQ(base_of("a"), "a");
}

} // namespace
} // namespace dind::archive
