#include <archive/disk_tree.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::make_again;
using test::ok;
using test::RecordingMarks;
using test::stat_of;
using test::TarBuilder;
using test::TarMember;
using test::TempDir;
using test::unpack;

using Paths = std::vector<std::string>;

class DiskTreeTest : public testing::Test {
protected:
  Result<std::string> unpacked(const TarBuilder& tar) {
    return unpack(tar.finish(), dir_.fd(), marks_);
  }
  struct stat found(const std::string& name) {
    return stat_of(dir_ / name);
  }
  std::string target_of(const std::string& name) {
    return sys::read_link_at({dir_.fd(), name}).value();
  }

  const TempDir dir_;
  RecordingMarks marks_;
};

TarMember own(TarMember member) {
  member.uid = ::geteuid();
  member.gid = ::getegid();
  return member;
}

TEST_F(DiskTreeTest, MakesFilesDirectoriesAndLinks) {
  ASSERT_TRUE(ok(unpacked(TarBuilder()
                              .directory("bin", 0711)
                              .file("bin/tool", "#!", 04755)
                              .symlink("bin/alias", "../nowhere")
                              .hard_link("bin/same", "bin/tool"))));
  EXPECT_EQ(found("bin").st_mode, S_IFDIR | 0711U);
  EXPECT_EQ(dir_.read("bin/tool"), "#!");
  EXPECT_EQ(target_of("bin/alias"), "../nowhere");
  EXPECT_EQ(found("bin/same").st_ino, found("bin/tool").st_ino);
  EXPECT_EQ(found("bin/tool").st_nlink, 2U);
}

TEST_F(DiskTreeTest, SetsModesWhateverTheUmask) {
  ASSERT_TRUE(ok(unpacked(TarBuilder()
                              .directory("d", 01777)
                              .file("open", "", 0666)
                              .file("shut", "x", 0)
                              .file("suid", "", 06755))));
  EXPECT_EQ(found("d").st_mode & 07777U, 01777U);
  EXPECT_EQ(found("open").st_mode & 07777U, 0666U);
  EXPECT_EQ(found("shut").st_mode & 07777U, 0U);
  EXPECT_EQ(found("suid").st_mode & 07777U, 06755U);
}

TEST_F(DiskTreeTest, SetsTimesOfEverythingDirectoriesLast) {
  TarMember dir = own({.name = "d", .type = '5', .mode = 0755, .mtime = 111});
  TarMember file =
      own({.name = "d/f", .content = "x", .mtime = 222, .pax = {{"mtime", "222.000000333"}}});
  TarMember link = own({.name = "d/l", .type = '2', .mtime = 444, .link_name = "f"});
  ASSERT_TRUE(ok(unpacked(TarBuilder().add(dir).add(file).add(link))));
  EXPECT_EQ(found("d").st_mtim.tv_sec, 111);
  EXPECT_EQ(found("d/f").st_mtim.tv_sec, 222);
  EXPECT_EQ(found("d/f").st_mtim.tv_nsec, 333);
  EXPECT_EQ(found("d/l").st_mtim.tv_sec, 444);
  EXPECT_EQ(found("").st_mtim.tv_sec, 111) << "the root has the time of the first member";
}

TEST_F(DiskTreeTest, TakesTheEpochForTimesThatAnEngineCannotSet) {
  ASSERT_TRUE(ok(unpacked(TarBuilder()
                              .add(own({.name = "before", .mtime = -1}))
                              .add(own({.name = "after", .mtime = 9'223'372'037})))));
  EXPECT_EQ(found("before").st_mtim.tv_sec, 0);
  EXPECT_EQ(found("after").st_mtim.tv_sec, 0);
}

TEST_F(DiskTreeTest, GivesTheRootNothingOfItsEntry) {
  const mode_t before = found("").st_mode;
  ASSERT_TRUE(ok(unpacked(TarBuilder().directory("./", 0700).file("./a", "x"))));
  EXPECT_EQ(found("").st_mode, before);
}

TEST_F(DiskTreeTest, TakesAbsoluteNamesFromTheRoot) {
  const TarBuilder tar = TarBuilder()
                             .directory("/")
                             .directory("./")
                             .directory("/etc/", 0711)
                             .file("/etc/issue", "one")
                             .file("./etc/motd", "two")
                             .hard_link("/etc/same", "/etc/issue")
                             .hard_link("etc/again", "./etc/motd")
                             .whiteout("/etc/old")
                             .opaque("/srv")
                             .directory("./etc", 0700)
                             .file("usr/../top", "three");
  const auto split = unpacked(tar);
  ASSERT_TRUE(ok(split));
  EXPECT_EQ(found("etc").st_mode & 07777U, 0700U) << "the last entry counts";
  EXPECT_EQ(found("etc/same").st_ino, found("etc/issue").st_ino);
  EXPECT_EQ(found("etc/again").st_ino, found("etc/motd").st_ino);
  EXPECT_EQ(dir_.read("top"), "three");
  EXPECT_FALSE(dir_.has("usr"));
  EXPECT_EQ(marks_.whiteouts, Paths{"etc/old"});
  EXPECT_EQ(marks_.opaque_dirs, Paths{"srv"});
  EXPECT_EQ(make_again(*split, dir_.fd()).value(), tar.finish());
}

TEST_F(DiskTreeTest, FollowsSymlinksOfTheLayerWithinIt) {
  const TarBuilder tar = TarBuilder()
                             .directory("usr")
                             .directory("usr/lib")
                             .symlink("lib", "usr/lib")
                             .file("lib/libc.so", "c")
                             .symlink("absolute", "/usr/lib")
                             .file("absolute/deep/er", "a")
                             .symlink("usr/out", "../../../../usr/./lib/../lib")
                             .file("usr/out/libm.so", "m")
                             .symlink("twice", "lib")
                             .hard_link("copy", "twice/libc.so")
                             .hard_link("usr/loop", "lib")
                             .symlink("later", "/made/later")
                             .file("later/x/y", "l")
                             .directory("made/later", 0711)
                             .whiteout("lib/old")
                             .opaque("usr/out/deep")
                             .directory("lib/deep", 0700);
  const auto split = unpacked(tar);
  ASSERT_TRUE(ok(split));
  EXPECT_EQ(target_of("lib"), "usr/lib");
  EXPECT_EQ(dir_.read("usr/lib/libc.so"), "c");
  EXPECT_EQ(dir_.read("usr/lib/deep/er"), "a");
  EXPECT_EQ(dir_.read("usr/lib/libm.so"), "m");
  EXPECT_EQ(found("copy").st_ino, found("usr/lib/libc.so").st_ino);
  EXPECT_EQ(dir_.read("made/later/x/y"), "l");
  EXPECT_EQ(found("made/later").st_mode & 07777U, 0711U);
  EXPECT_EQ(found("usr/lib/deep").st_mode & 07777U, 0700U);
  EXPECT_EQ(marks_.whiteouts, Paths{"usr/lib/old"});
  EXPECT_EQ(marks_.opaque_dirs, Paths{"usr/lib/deep"});
  EXPECT_EQ(marks_.implied_dirs, (Paths{"made", "made/later/x"}));
  EXPECT_EQ(make_again(*split, dir_.fd()).value(), tar.finish());
}

TEST_F(DiskTreeTest, ImpliesParentsWithTheTimeOfTheMemberThatDid) {
  TarMember deep = own({.name = "a/b/c", .content = "x", .mtime = 123});
  ASSERT_TRUE(ok(unpacked(TarBuilder().add(deep).file("a/later", "y"))));
  EXPECT_EQ(marks_.implied_dirs, (Paths{"a", "a/b"}));
  EXPECT_EQ(found("a/b").st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(found("a").st_mtim.tv_sec, 123);
}

TEST_F(DiskTreeTest, ForgetsThatADirectoryWasImpliedWhenItsEntryComes) {
  ASSERT_TRUE(ok(unpacked(TarBuilder().file("a/b/c", "x").directory("a", 0700))));
  EXPECT_EQ(marks_.implied_dirs, Paths{"a/b"});
  EXPECT_EQ(found("a").st_mode & 07777U, 0700U);
}

TEST_F(DiskTreeTest, LetsTheLastHardLinksMetadataCount) {
  TarMember link =
      own({.name = "link", .type = '1', .mode = 0600, .mtime = 77, .link_name = "./file"});
  ASSERT_TRUE(ok(unpacked(TarBuilder().file("file", "x", 0755).add(link))));
  EXPECT_EQ(found("file").st_mode & 07777U, 0600U);
  EXPECT_EQ(found("file").st_mtim.tv_sec, 77);
}

TEST_F(DiskTreeTest, LinksASymlinkItselfAndLeavesItsTime) {
  TarMember symlink = own({.name = "s", .type = '2', .mtime = 55, .link_name = "nowhere"});
  ASSERT_TRUE(ok(unpacked(TarBuilder().add(symlink).hard_link("t", "/s"))));
  EXPECT_EQ(target_of("t"), "nowhere");
  EXPECT_EQ(found("t").st_ino, found("s").st_ino);
  EXPECT_EQ(found("t").st_mtim.tv_sec, 55);
}

TEST_F(DiskTreeTest, LeavesHolesInSparseFiles) {
  const std::string megabyte = "1048576";
  TarMember sparse = own({.name = "x",
                          .content = "abcd",
                          .pax = {{"GNU.sparse.size", megabyte},
                                  {"GNU.sparse.numblocks", "2"},
                                  {"GNU.sparse.map", "0,2,500000,2"}}});
  const TarBuilder tar = std::move(TarBuilder().add(sparse));
  const auto json = unpacked(tar);
  ASSERT_TRUE(ok(json));
  const std::string content = dir_.read("x");
  ASSERT_EQ(content.size(), 1048576U);
  EXPECT_EQ(content.substr(0, 3), std::string("ab\0", 3));
  EXPECT_EQ(content.substr(499'999, 4), std::string("\0cd\0", 4));
  EXPECT_LT(found("x").st_blocks * 512, 100'000);
  EXPECT_EQ(make_again(*json, dir_.fd()).value(), tar.finish());
}

TEST_F(DiskTreeTest, CutsNumbersOfDevicesAsAnEngineDoes) {
  const TarBuilder tar = std::move(TarBuilder().char_device("large", 0x1001, 0x100002));
  const auto json = unpacked(tar);
  ASSERT_TRUE(ok(json));
  ASSERT_EQ(marks_.nodes.size(), 1U);
  EXPECT_EQ(marks_.nodes[0].second.device_major, 1U);
  EXPECT_EQ(marks_.nodes[0].second.device_minor, 2U);
  EXPECT_EQ(make_again(*json, dir_.fd()).value(), tar.finish());
}

TEST_F(DiskTreeTest, HandsMarksOnAndMakesNothingOfThem) {
  const auto json = unpacked(TarBuilder()
                                 .whiteout("gone")
                                 .whiteout("dir/gone")
                                 .opaque("dir/sub")
                                 .opaque("")
                                 .char_device("null", 1, 3)
                                 .fifo("pipe")
                                 .hard_link("pipe2", "pipe"));
  ASSERT_TRUE(ok(json));
  EXPECT_EQ(marks_.whiteouts, (Paths{"gone", "dir/gone"}));
  EXPECT_EQ(marks_.opaque_dirs, (Paths{"dir/sub", ""}));
  EXPECT_EQ(marks_.implied_dirs, (Paths{"dir", "dir/sub"}));
  ASSERT_EQ(marks_.nodes.size(), 2U);
  EXPECT_EQ(marks_.nodes[0].first, "null");
  EXPECT_EQ(marks_.nodes[0].second.device_minor, 3U);
  ASSERT_EQ(marks_.node_links.size(), 1U);
  EXPECT_EQ(marks_.node_links[0], (std::pair<std::string, std::string>("pipe2", "pipe")));
  for (const char* name : {"gone", ".wh.gone", "null", "pipe", "pipe2"}) {
    EXPECT_FALSE(dir_.has(name)) << name;
  }
}

TEST_F(DiskTreeTest, LetsALaterEntryOverrideAWhiteout) {
  ASSERT_TRUE(ok(unpacked(TarBuilder().whiteout("x").directory("x").file("x/new", "y"))));
  EXPECT_EQ(marks_.overridden, Paths{"x"});
  EXPECT_TRUE(dir_.has("x/new"));
}

TEST_F(DiskTreeTest, TakesOtherNamesOfAufsForWhiteoutsAsTheEngineDoes) {
  ASSERT_TRUE(ok(unpacked(TarBuilder().file(".wh..wh.plnk", "").directory(".wh..wh.aufs"))));
  EXPECT_EQ(marks_.whiteouts, (Paths{".wh.plnk", ".wh.aufs"}));
}

TEST_F(DiskTreeTest, SkipsGlobalHeaders) {
  ASSERT_TRUE(ok(unpacked(TarBuilder().pax({{"comment", "x"}}, 'g').file("a", "x"))));
  EXPECT_FALSE(dir_.has("pax_global_header"));
  EXPECT_TRUE(marks_.implied_dirs.empty());
}

TEST_F(DiskTreeTest, KeepsUpWithMoreDirectoriesThanItKeepsOpen) {
  TarBuilder tar;
  std::string deep;
  for (int i = 0; i < 45; ++i) {
    deep += "d/";
    tar.directory(deep);
  }
  for (int i = 0; i < 100; ++i) {
    tar.file("w" + std::to_string(i) + "/file", "x");
  }
  tar.file(deep + "end", "deep").hard_link("w0/link", deep + "end");
  const auto json = unpacked(tar);
  ASSERT_TRUE(ok(json));
  EXPECT_EQ(dir_.read(deep + "end"), "deep");
  EXPECT_EQ(dir_.read("w0/link"), "deep");
  EXPECT_EQ(make_again(*json, dir_.fd()).value(), tar.finish());
}

TEST_F(DiskTreeTest, KeepsRawNames) {
  const std::string name = "caf\xe9/new\nline";
  const auto json = unpacked(TarBuilder().file(name, "x"));
  ASSERT_TRUE(ok(json));
  EXPECT_EQ(dir_.read(name), "x");
}

struct Hostile {
  const char* title;
  TarBuilder tar;
  const char* says;
};

class HostileLayerTest : public testing::TestWithParam<Hostile> {};

std::vector<Hostile> hostile_layers() {
  const auto tar = [] { return TarBuilder(); };
  return {
      {"ParentDirectory", tar().file("../out", "x"), "a path with \"..\""},
      {"ParentDirectoryInside", tar().file("a/../../out", "x"), "a path with \"..\""},
      {"SymlinkUpFromNothingAsParent", tar().symlink("a", "b/../c").file("a/x", ""),
       "that leads nowhere"},
      {"SymlinkUpFromAFileAsParent", tar().file("f", "").symlink("a", "f/..").file("a/x", ""),
       "that leads nowhere"},
      {"SymlinkToItselfAsParent", tar().symlink("a", "./a").file("a/x", ""), "that leads nowhere"},
      {"SymlinkToAFileAsParent", tar().file("f", "").symlink("a", "f").file("a/x", ""),
       "f: a member's parent is no directory"},
      {"DuplicateThroughASymlink",
       tar().directory("d").symlink("a", "d").file("d/x", "1").file("a/x", "2"),
       "duplicate entry a/x"},
      {"FileAsParent", tar().file("a", "").file("a/x", ""), "parent is no directory"},
      {"DeviceAsParent", tar().char_device("a", 1, 3).file("a/x", ""), "parent is no directory"},
      {"WhiteoutAsParent", tar().whiteout("a").file("a/x", ""),
       "parent is deleted by the same layer"},
      {"HardLinkToNowhere", tar().hard_link("x", "y"),
       "hard link x leads to y, which the layer does not have"},
      {"HardLinkToWhiteout", tar().whiteout("y").hard_link("x", "y"),
       "which the layer does not have"},
      {"HardLinkToItself", tar().hard_link("x", "x"), "which the layer does not have"},
      {"HardLinkOut", tar().hard_link("x", "../../etc/passwd"), "a path with \"..\""},
      {"HardLinkToDirectory", tar().directory("d").hard_link("x", "d"), "which is a directory"},
      {"HardLinkThroughSymlink", tar().symlink("s", "/etc").hard_link("x", "s/passwd"),
       "which the layer does not have"},
      {"DuplicateFile", tar().file("a", "1").file("./a", "2"), "duplicate entry ./a"},
      {"DuplicateDirectory", tar().directory("a").directory("a/"), "duplicate entry a/"},
      {"DuplicateWhiteout", tar().whiteout("a").whiteout("a"), "duplicate entry .wh.a"},
      {"DuplicateOpaque", tar().opaque("a").opaque("a"), "duplicate entry"},
      {"DirectoryWithContentReplaced", tar().file("a/b", "").file("a", ""),
       "would replace a directory"},
      {"WhiteoutOfWhatWasMade", tar().file("a", "").whiteout("a"), "deletes what it has made"},
      {"WhiteoutOfAnImpliedDirectory", tar().file("a/b", "").whiteout("a"),
       "deletes what it has made"},
      {"WhiteoutOfNothing", tar().file("d/.wh.", ""), "a whiteout of nothing"},
      {"WhiteoutOfTheParent", tar().file("d/.wh...", ""), "a whiteout of nothing"},
      {"DirectoryNamedAsAWhiteout", tar().file(".wh.d/x", ""), "no layer can hold"},
      {"RootAsFile", tar().file("./", "x"), "the layer's root is no directory"},
      {"EmptySymlink", tar().symlink("s", ""), "a symlink with a target of 0 bytes"},
      {"SymlinkTooLong",
       tar().add({.name = "s", .type = '2', .pax = {{"linkpath", std::string(4096, 't')}}}),
       "a symlink with a target of 4096 bytes"},
      {"NameTooLong", tar().long_name(std::string(256, 'n')).file("x", ""),
       "a name longer than 255 bytes"},
      {"CapabilityOfNoRevision",
       tar().add({.name = "f", .pax = {{"SCHILY.xattr.security.capability", "\x01\x02"}}}),
       "a capability that no kernel takes"},
      {"DeclaredSizeWithoutData", tar().add(own({.name = "big", .declared_size = 10737418240})),
       "but the archive ends"},
  };
}

TEST_P(HostileLayerTest, IsRefusedWithOneClearLine) {
  const TempDir outer;
  const Fd root = sys::open_dir(outer.make_dir("root")).value();
  RecordingMarks marks;
  const auto result = unpack(GetParam().tar.finish(), root, marks);
  EXPECT_TRUE(fails_saying(GetParam().says, result));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().describe().find('\n'), std::string::npos);
  EXPECT_FALSE(outer.has("out"));
}

INSTANTIATE_TEST_SUITE_P(Every, HostileLayerTest, testing::ValuesIn(hostile_layers()),
                         [](const auto& layer) { return std::string(layer.param.title); });

} // namespace
} // namespace dind::archive
