#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <set>
#include <tuple>
#include <vector>

namespace dind::sys {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;
using test::stat_of;
using test::TempDir;

class FileTest : public testing::Test {
protected:
  At at(const std::string& name) const { return {dir_.fd(), name}; }

  const TempDir dir_;
  const std::string a_ = "a";
  const std::string b_ = "b";
};

TEST_F(FileTest, EveryOpenIsCloseOnExec) {
  dir_.write("a", "");
  for (const auto& opened :
       {open_path(dir_ / "a", O_RDONLY).value().release(), open_dir(dir_.path()).value().release(),
        open_at(at(a_), O_RDONLY).value().release(),
        open_beneath(dir_.fd(), "a", O_RDONLY).value().release()}) {
    const Fd fd(opened);
    EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST_F(FileTest, OpenAtDoesNotFollowASymlink) {
  dir_.write("b", "secret");
  ASSERT_TRUE(ok(symlink_at("b", at(a_))));
  EXPECT_TRUE(fails_with(ELOOP, open_at(at(a_), O_RDONLY)));
  EXPECT_TRUE(fails_with(ENOTDIR, open_dir_at(at(a_))));
}

TEST_F(FileTest, OpenBeneathCannotLeave) {
  const TempDir outside;
  outside.write("file", "secret");
  dir_.write("in/file", "mine");
  const std::string absolute = "/etc";
  const std::string up = "..";
  const std::string inside = "in";
  const std::string names[] = {"absolute", "up", "inside"};
  ASSERT_TRUE(ok(symlink_at(outside.path().native(), at(names[0]))));
  ASSERT_TRUE(ok(symlink_at("..", at(names[1]))));
  ASSERT_TRUE(ok(symlink_at("in", at(names[2]))));
  EXPECT_TRUE(ok(open_beneath(dir_.fd(), "in/file", O_RDONLY)));
  EXPECT_TRUE(ok(open_beneath(dir_.fd(), "in/../in/file", O_RDONLY)));
  EXPECT_TRUE(ok(open_beneath(dir_.fd(), ".", O_RDONLY | O_DIRECTORY)));
  EXPECT_TRUE(fails_with(EXDEV, open_beneath(dir_.fd(), "..", O_RDONLY)));
  EXPECT_TRUE(fails_with(EXDEV, open_beneath(dir_.fd(), "in/../../x", O_RDONLY)));
  EXPECT_TRUE(fails_with(EXDEV, open_beneath(dir_.fd(), "/etc/passwd", O_RDONLY)));
  EXPECT_TRUE(fails_with(ELOOP, open_beneath(dir_.fd(), "absolute/file", O_RDONLY)));
  EXPECT_TRUE(fails_with(ELOOP, open_beneath(dir_.fd(), "up", O_RDONLY)));
  EXPECT_TRUE(fails_with(ELOOP, open_beneath(dir_.fd(), "inside/file", O_RDONLY)));
}

TEST_F(FileTest, OpensThroughSymlinksWithinARoot) {
  const Fd root = open_dir(dir_.make_dir("root")).value();
  dir_.write("root/etc/passwd", "ours");
  dir_.write("secret", "not ours");
  const std::string links[][2] = {
      {"absolute", "/etc"}, {"up", "../../../etc"}, {"out", "../secret"}};
  for (const auto& [name, target] : links) {
    ASSERT_TRUE(ok(symlink_at(target, {root, name})));
  }
  for (const char* const path : {"absolute/passwd", "up/passwd", "etc/../../etc/passwd"}) {
    const auto found = open_within(root, path, O_RDONLY);
    ASSERT_TRUE(ok(found)) << path;
    EXPECT_EQ(read_all(*found, 100).value(), "ours") << path;
  }
  EXPECT_TRUE(fails_with(ELOOP, open_within(root, "out", O_RDONLY)))
      << "the last one is not followed";
  EXPECT_TRUE(fails_with(ENOENT, open_within(root, "../secret", O_RDONLY)));
}

TEST_F(FileTest, ReadsUpToTheLimitAndNoFurther) {
  dir_.write("a", std::string(100'000, 'x'));
  const auto whole = read_file_at(at(a_), 100'000);
  ASSERT_TRUE(ok(whole));
  EXPECT_EQ(whole->size(), 100'000U);
  EXPECT_TRUE(fails_saying("a: larger than 99999 bytes", read_file_at(at(a_), 99'999)));
  EXPECT_TRUE(fails_with(ENOENT, read_file(dir_ / "none", 10)));
}

// A fifo hangs who opens it to read, and no test would end.
TEST_F(FileTest, ReadsRegularFilesAndNothingElse) {
  dir_.write("b", "secret");
  ASSERT_TRUE(ok(make_node_at(at(a_), S_IFIFO | 0600, 0)));
  const std::string folder = "folder";
  const std::string link = "link";
  ASSERT_TRUE(ok(make_dir_at(at(folder), 0700)));
  ASSERT_TRUE(ok(symlink_at("b", at(link))));
  for (const std::string& name : {a_, folder, link}) {
    EXPECT_TRUE(fails_saying(name + " is not a regular file", read_file_at(at(name), 10)));
    EXPECT_TRUE(fails_with(0, open_regular_at(at(name)))) << name;
    EXPECT_FALSE(open_regular_beneath(dir_.fd(), name)) << name;
  }
  EXPECT_EQ(read_file_beneath(dir_.fd(), "b", 6).value(), "secret");
  EXPECT_TRUE(fails_saying("b: larger than 5 bytes", read_file_beneath(dir_.fd(), "b", 5)));
  EXPECT_TRUE(fails_with(ENOENT, open_regular_at(at("none"))));
}

TEST_F(FileTest, WritesAtAnOffsetAndLeavesTheHole) {
  const Fd fd = open_at(at(a_), O_RDWR | O_CREAT, 0600).value();
  const std::string text = "end";
  ASSERT_TRUE(ok(write_all_at(fd, std::as_bytes(std::span(text)), 1'000'000)));
  const struct stat found = stat_of(dir_ / "a");
  EXPECT_EQ(found.st_size, 1'000'003);
  EXPECT_LT(found.st_blocks * 512, 100'000);
}

TEST_F(FileTest, CreateRefusesWhatExists) {
  ASSERT_TRUE(ok(create_file_at(at(a_), "first", 0600)));
  EXPECT_TRUE(fails_with(EEXIST, create_file_at(at(a_), "second", 0600)));
  EXPECT_EQ(dir_.read("a"), "first");
}

TEST_F(FileTest, ReplaceSwapsTheWholeFile) {
  dir_.write("a", "old");
  const Fd reader = open_at(at(a_), O_RDONLY).value();
  for (const Durable durable : {Durable::no, Durable::yes}) {
    ASSERT_TRUE(ok(replace_file_at(at(a_), "new", 0640, durable)));
    EXPECT_EQ(dir_.read("a"), "new");
    EXPECT_EQ(stat_of(dir_ / "a").st_mode & 07777U, 0640U);
  }
  EXPECT_EQ(*read_all(reader, 10), "old"); // who has it open keeps what was there
}

TEST_F(FileTest, ReplaceLeavesNothingBehindWhenItFails) {
  dir_.write("a/in the way", "");
  EXPECT_TRUE(fails_with(EISDIR, replace_file_at(at(a_), "new", 0600, Durable::no)));
  EXPECT_FALSE(dir_.has("a.new"));
}

TEST_F(FileTest, ReplaceDoesNotFollowAnOldDraftOutOfTheDirectory) {
  const TempDir outside;
  const auto victim = outside.write("victim", "precious");
  const std::string draft = "a.new";
  ASSERT_TRUE(ok(symlink_at(victim.native(), at(draft))));
  ASSERT_TRUE(ok(replace_file_at(at(a_), "new", 0600, Durable::no)));
  EXPECT_EQ(outside.read("victim"), "precious");
  EXPECT_EQ(dir_.read("a"), "new");
}

TEST_F(FileTest, DirectoriesGetTheirModeWhateverTheUmask) {
  const mode_t before = ::umask(077);
  const auto made = make_dir_at(at(a_), 01777);
  const auto deep = make_dirs(dir_ / "x/y/z", 0755);
  ::umask(before);
  ASSERT_TRUE(ok(made));
  ASSERT_TRUE(ok(deep));
  EXPECT_EQ(stat_of(dir_ / "a").st_mode, S_IFDIR | 01777U);
  EXPECT_EQ(stat_of(dir_ / "x/y").st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(stat_of(dir_ / "x/y/z").st_mode, S_IFDIR | 0755U);
}

TEST_F(FileTest, EnsureDirAcceptsADirectoryAndNothingElse) {
  ASSERT_TRUE(ok(ensure_dir_at(at(a_), 0700)));
  ASSERT_TRUE(ok(ensure_dir_at(at(a_), 0755)));
  EXPECT_EQ(stat_of(dir_ / "a").st_mode & 07777U, 0700U); // an existing one stays as it is
  dir_.write("b", "");
  EXPECT_TRUE(fails_with(EEXIST, ensure_dir_at(at(b_), 0755)));
}

TEST_F(FileTest, MakeDirsAcceptsWhatExistsAndRefusesAFileOnTheWay) {
  ASSERT_TRUE(ok(make_dirs(dir_ / "x/y", 0755)));
  EXPECT_TRUE(ok(make_dirs(dir_ / "x/y", 0755)));
  dir_.write("file", "");
  EXPECT_TRUE(fails_with(ENOTDIR, make_dirs(dir_ / "file", 0755)));
  EXPECT_TRUE(fails_with(ENOTDIR, make_dirs(dir_ / "file/below", 0755)));
}

TEST_F(FileTest, LinksASymlinkItself) {
  ASSERT_TRUE(ok(symlink_at("nowhere", at(a_))));
  ASSERT_TRUE(ok(link_at(at(a_), at(b_))));
  EXPECT_EQ(stat_of(dir_ / "b").st_ino, stat_of(dir_ / "a").st_ino);
  EXPECT_EQ(*read_link_at(at(b_)), "nowhere");
}

TEST_F(FileTest, ReadsALinkOfAnyLength) {
  for (const std::size_t length : {1U, 255U, 256U, 257U, 4095U}) {
    const std::string name = "l" + std::to_string(length);
    ASSERT_TRUE(ok(symlink_at(std::string(length, 'x'), at(name))));
    EXPECT_EQ(read_link_at(at(name))->size(), length);
  }
}

TEST_F(FileTest, TellsWhetherSomethingExistsEvenADanglingLink) {
  EXPECT_FALSE(*exists_at(at(a_)));
  ASSERT_TRUE(ok(symlink_at("nowhere", at(a_))));
  EXPECT_TRUE(*exists_at(at(a_)));
  const std::string below = "a/b";
  dir_.write("file", "");
  const std::string through_file = "file/b";
  EXPECT_TRUE(fails_with(ENOTDIR, exists_at(at(through_file))));
}

TEST_F(FileTest, SetsTimesOfASymlinkAndNotOfItsTarget) {
  dir_.write("b", "");
  ASSERT_TRUE(ok(symlink_at("b", at(a_))));
  ASSERT_TRUE(ok(set_times_at(at(a_), {7, 0}, {1'000'000, 5})));
  EXPECT_EQ(stat_of(dir_ / "a").st_mtim.tv_sec, 1'000'000);
  EXPECT_EQ(stat_of(dir_ / "a").st_mtim.tv_nsec, 5);
  EXPECT_GT(stat_of(dir_ / "b").st_mtim.tv_sec, 1'000'000);
}

TEST_F(FileTest, SetsExactlyTheModeIncludingTheSpecialBits) {
  dir_.write("a", "");
  ASSERT_TRUE(ok(set_mode_at(at(a_), S_IFREG | 06755)));
  EXPECT_EQ(stat_of(dir_ / "a").st_mode, S_IFREG | 06755U);
}

TEST_F(FileTest, MakesAFifo) {
  ASSERT_TRUE(ok(make_node_at(at(a_), S_IFIFO | 0600, 0)));
  EXPECT_TRUE(S_ISFIFO(stat_of(dir_ / "a").st_mode));
}

TEST_F(FileTest, SaysHowMuchIsFree) {
  const auto space = free_space(dir_.fd());
  ASSERT_TRUE(ok(space));
  EXPECT_GT(space->bytes, 0U);
  EXPECT_GT(space->inodes, 0U);
}

TEST(RandomHexTest, IsHexOfTheRightLengthAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_hex(16);
    EXPECT_EQ(text.size(), 32U);
    EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(seen.insert(text).second);
  }
}

TEST_F(FileTest, ANewNameReplacesNothing) {
  dir_.write("one", "1");
  dir_.write("two", "2");
  const std::string one = "one";
  const std::string two = "two";
  const std::string three = "three";
  EXPECT_TRUE(fails_with(EEXIST, rename_new_at({dir_.fd(), one}, {dir_.fd(), two})));
  EXPECT_TRUE(ok(rename_new_at({dir_.fd(), one}, {dir_.fd(), three})));
  EXPECT_EQ(read_file(dir_.path() / two, 8).value(), "2");
  EXPECT_EQ(read_file(dir_.path() / three, 8).value(), "1");
}

} // namespace
} // namespace dind::sys
