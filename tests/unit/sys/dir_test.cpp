#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;
using test::TempDir;

TEST(ListDirTest, NamesEverythingSortedByBytes) {
  const TempDir dir;
  for (const char* name : {"b", "a", "B", "..hidden", "\xff raw", "\xc3\xa4"}) {
    dir.write(name, "");
  }
  dir.make_dir("d");
  const auto entries = list_dir(dir.fd());
  ASSERT_TRUE(ok(entries));
  std::vector<std::string> names;
  for (const DirEntry& entry : *entries) {
    names.push_back(entry.name);
    EXPECT_EQ(entry.type, entry.name == "d" ? DT_DIR : DT_REG) << entry.name;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"..hidden", "B", "a", "b", "d", "\xc3\xa4", "\xff raw"}));
}

TEST(ListDirTest, CanBeAskedTwice) {
  const TempDir dir;
  dir.write("a", "");
  EXPECT_EQ(list_dir(dir.fd())->size(), 1U);
  dir.write("b", "");
  EXPECT_EQ(list_dir(dir.fd())->size(), 2U);
}

TEST(ListDirTest, WantsADirectory) {
  const TempDir dir;
  const auto file = dir.write("a", "");
  const Fd fd = open_path(file, O_RDONLY).value();
  EXPECT_TRUE(fails_with(ENOTDIR, list_dir(fd)));
}

class RemoveTreeTest : public testing::Test {
protected:
  Result<void> remove(const std::string& name) const { return remove_tree_at({dir_.fd(), name}); }

  const TempDir dir_;
};

TEST_F(RemoveTreeTest, RemovesFilesAndFullDirectories) {
  dir_.write("tree/a/b/c", "");
  dir_.write("tree/a/d", "");
  dir_.make_dir("tree/empty");
  dir_.write("file", "");
  EXPECT_TRUE(ok(remove("tree")));
  EXPECT_TRUE(ok(remove("file")));
  EXPECT_TRUE(list_dir(dir_.fd())->empty());
}

TEST_F(RemoveTreeTest, TakesAMissingNameForDone) {
  EXPECT_TRUE(ok(remove("none")));
}

TEST_F(RemoveTreeTest, RemovesASymlinkAndNotWhatItLeadsTo) {
  dir_.write("kept/file", "precious");
  dir_.make_dir("tree");
  ASSERT_EQ(::symlink((dir_ / "kept").c_str(), (dir_ / "tree/link").c_str()), 0);
  ASSERT_EQ(::symlink((dir_ / "kept").c_str(), (dir_ / "link").c_str()), 0);
  EXPECT_TRUE(ok(remove("tree")));
  EXPECT_TRUE(ok(remove("link")));
  EXPECT_EQ(dir_.read("kept/file"), "precious");
}

TEST_F(RemoveTreeTest, TakesATreeThatIsDeepWithFewDescriptors) {
  // Deeper than any path can be long: each level must be reached from the last.
  const std::string name = "deep level of some length";
  const std::string taken = "lifted-0"; // where such a level may be moved to
  ASSERT_EQ(::mkdirat(dir_.fd().get(), name.c_str(), 0755), 0);
  Fd at = open_dir_at({dir_.fd(), name}).value();
  ASSERT_TRUE(ok(create_file_at({at, taken}, "", 0600)));
  for (int depth = 0; depth < 1100; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at = open_dir_at({at, name}).value();
    ASSERT_TRUE(ok(create_file_at({at, taken}, "", 0600)));
  }
  at = Fd();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 128;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto removed = remove(name);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(ok(removed));
  EXPECT_FALSE(dir_.has(name));
}

} // namespace
} // namespace dind::sys
