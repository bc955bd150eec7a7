#include <archive/sparse.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::members_of;
using test::ok;
using test::PaxList;
using test::TarBuilder;
using test::TarMember;

const std::string kGnuMagic("ustar  \0", 8);

TarMember sparse(const PaxList& pax, std::string stored) {
  return {.name = "GNUSparseFile.1/x", .content = std::move(stored), .pax = pax};
}

std::string one_member(const TarMember& member) {
  return TarBuilder().add(member).finish();
}

TEST(SparseTest, ReadsTheMapOfEveryPaxFormat) {
  std::string map = "2\n0\n3\n20\n2\n";
  map.resize(512, '\0');
  const TarMember members[] = {
      sparse({{"GNU.sparse.size", "30"},
              {"GNU.sparse.numblocks", "2"},
              {"GNU.sparse.offset", "0"},
              {"GNU.sparse.numbytes", "3"},
              {"GNU.sparse.offset", "20"},
              {"GNU.sparse.numbytes", "2"},
              {"GNU.sparse.name", "x"}},
             "abcde"),
      sparse({{"GNU.sparse.size", "30"},
              {"GNU.sparse.numblocks", "2"},
              {"GNU.sparse.map", "0,3,20,2"},
              {"GNU.sparse.name", "x"}},
             "abcde"),
      sparse({{"GNU.sparse.major", "1"},
              {"GNU.sparse.minor", "0"},
              {"GNU.sparse.realsize", "30"},
              {"GNU.sparse.name", "x"}},
             map + "abcde"),
  };
  for (const TarMember& member : members) {
    const auto read = members_of(one_member(member));
    ASSERT_TRUE(ok(read));
    const TarEntry& entry = read->at(0);
    EXPECT_EQ(entry.name, "x");
    EXPECT_TRUE(entry.sparse);
    EXPECT_TRUE(entry.raw);
    EXPECT_EQ(entry.size, 30U);
    ASSERT_EQ(entry.extents.size(), 2U);
    EXPECT_EQ(entry.extents[1].offset, 20U);
    EXPECT_EQ(entry.extents[1].size, 2U);
  }
}

TEST(SparseTest, TakesAnUnknownVersionForAPlainFile) {
  const auto read = members_of(one_member(sparse(
      {{"GNU.sparse.major", "2"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.map", "0,1"}}, "abc")));
  ASSERT_TRUE(ok(read));
  EXPECT_FALSE(read->at(0).sparse);
  EXPECT_EQ(read->at(0).size, 3U);
}

TEST(SparseTest, RefusesMapsThatAreOutOfOrderOrLeaveTheFile) {
  for (const char* map : {"5,3,0,2", "0,4,3,1", "28,5", "31,0", "0,9223372036854775807,1,5"}) {
    const bool one = std::string_view(map).find(',') == std::string_view(map).rfind(',');
    const auto read = members_of(one_member(sparse({{"GNU.sparse.size", "30"},
                                                    {"GNU.sparse.numblocks", one ? "1" : "2"},
                                                    {"GNU.sparse.map", map}},
                                                   "abcde")));
    EXPECT_TRUE(fails_saying("out of order or leaves the file", read)) << map;
  }
}

TEST(SparseTest, RefusesMapsThatDoNotMatchTheData) {
  const PaxList pax = {
      {"GNU.sparse.size", "30"}, {"GNU.sparse.numblocks", "1"}, {"GNU.sparse.map", "0,4"}};
  EXPECT_TRUE(fails_saying("covers 4 bytes, the archive has 5",
                           members_of(one_member(sparse(pax, "abcde")))));
  EXPECT_TRUE(fails_saying(
      "instead of 3", members_of(one_member(sparse(
                          {{"GNU.sparse.numblocks", "3"}, {"GNU.sparse.map", "0,4"}}, "abcd")))));
  EXPECT_FALSE(members_of(
      one_member(sparse({{"GNU.sparse.numblocks", "1"}, {"GNU.sparse.map", "0,-4"}}, ""))));
}

TEST(SparseTest, RefusesAMapOfFormat10ThatLies) {
  const PaxList pax = {
      {"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "30"}};
  const auto with_map = [&pax](std::string map, std::size_t size = 512) {
    map.resize(size, '\0');
    return members_of(one_member(sparse(pax, map)));
  };
  EXPECT_TRUE(fails_saying("cut short", with_map("9999999\n0\n1\n500", 15)));
  EXPECT_TRUE(fails_saying("cut short", with_map("1\n0\n0\n", 100)));
  EXPECT_TRUE(fails_saying("not a number", with_map("x\n")));
  EXPECT_TRUE(fails_saying("malformed", with_map(std::string(100, '1'))));
  EXPECT_TRUE(fails_saying("negative", with_map("-1\n")));
}

TEST(SparseTest, RefusesATerabyteOfHoles) {
  const auto read = members_of(one_member(sparse({{"GNU.sparse.size", "9000000000000000000"},
                                                  {"GNU.sparse.numblocks", "0"},
                                                  {"GNU.sparse.map", "0,0"}},
                                                 "")));
  EXPECT_FALSE(read);
  const auto claims = members_of(one_member(sparse({{"GNU.sparse.size", "9000000000000000000"},
                                                    {"GNU.sparse.numblocks", "1"},
                                                    {"GNU.sparse.map", "0,0"}},
                                                   "")));
  EXPECT_TRUE(fails_saying("the limit is", claims));
}

TEST(SparseTest, RefusesSparseDirectoriesAndForeignFormats) {
  EXPECT_TRUE(fails_saying(
      "only files",
      members_of(one_member({.name = "d",
                             .type = '5',
                             .pax = {{"GNU.sparse.numblocks", "1"}, {"GNU.sparse.map", "0,0"}}}))));
  EXPECT_TRUE(fails_saying("not GNU's", members_of(one_member({.name = "s", .type = 'S'}))));
  EXPECT_TRUE(ok(members_of(one_member({.name = "s", .type = 'S', .magic = kGnuMagic}))));
}

} // namespace
} // namespace dind::archive
