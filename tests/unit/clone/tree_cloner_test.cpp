#include <clone/tree_cloner.hpp>

#include <support/child.hpp>
#include <support/disk_usage.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <support/tree_listing.hpp>
#include <sys/spawn.hpp>
#include <sys/xattr.hpp>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <tuple>

namespace dind::clone {
namespace {

using test::fails_saying;
using test::fails_with;
using test::list_tree;
using test::ok;
using test::stat_of;
using test::TempDir;

bool has_reflinks() {
  const TempDir dir;
  dir.write("a", "content");
  dir.write("b", "");
  const Fd from = sys::open_path(dir / "a", O_RDONLY).value();
  const Fd to = sys::open_path(dir / "b", O_WRONLY).value();
  return ::ioctl(to.get(), FICLONE, from.get()) == 0;
}

// Both trees on one filesystem, so that every method can work.
struct Trees {
  explicit Trees(const std::string& parent = "") : dir(parent) {
    from = dir.make_dir("from");
    to = dir.make_dir("to");
  }
  // As remove_tree_at would need a descriptor for each level.
  ~Trees() { std::ignore = sys::run({"rm", "-rf", from.native(), to.native()}); }
  Trees(const Trees&) = delete;
  Trees& operator=(const Trees&) = delete;

  Result<void> clone(const CloneOptions& options) {
    const Fd source = sys::open_dir(from).value();
    const Fd target = sys::open_dir(to).value();
    return clone_tree(source, target, options, progress);
  }

  TempDir dir;
  sys::fs::path from;
  sys::fs::path to;
  CloneProgress progress;
};

void set_time(const sys::fs::path& path, long seconds, long nanoseconds) {
  const timespec times[2] = {{1'000'000'000, 1}, {seconds, nanoseconds}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
}

// A little of everything that needs no privileges.
void fill(const Trees& trees) {
  const TempDir& dir = trees.dir;
  dir.write("from/empty", "");
  dir.write("from/small", "content");
  dir.write("from/large", std::string(3'000'000, 'x'));
  dir.write("from/d/e/deep", "deep");
  dir.make_dir("from/d/nothing");
  dir.write("from/name with \xff and \n", "strange");
  ASSERT_EQ(::symlink("/nowhere", (trees.from / "dangling").c_str()), 0);
  ASSERT_EQ(::symlink("d", (trees.from / "to-a-directory").c_str()), 0);
  ASSERT_EQ(::mkfifo((trees.from / "fifo").c_str(), 0640), 0);
  ASSERT_EQ(::link((trees.from / "small").c_str(), (trees.from / "d/again").c_str()), 0);
  ASSERT_EQ(::link((trees.from / "small").c_str(), (trees.from / "d/e/third").c_str()), 0);
  ASSERT_EQ(::link((trees.from / "dangling").c_str(), (trees.from / "d/dangling").c_str()), 0);
  const Fd attributed = sys::open_path(trees.from / "d/e/deep", O_WRONLY).value();
  ASSERT_TRUE(ok(sys::set_xattr(attributed, "user.note", std::string(1000, 'n'))));
  const Fd directory = sys::open_dir(trees.from / "d").value();
  ASSERT_TRUE(ok(sys::set_xattr(directory, "user.note", "on a directory")));
  ASSERT_EQ(::chmod((trees.from / "empty").c_str(), 0444), 0);
  ASSERT_EQ(::chmod((trees.from / "large").c_str(), 06751), 0);
  ASSERT_EQ(::chmod((trees.from / "d/nothing").c_str(), 01777), 0);
  long number = 1;
  for (const char* name : {"empty", "small", "large", "dangling", "to-a-directory", "fifo",
                           "d/e/deep", "d/e", "d/nothing", "d", "."}) {
    set_time(trees.from / name, 1'100'000'000 + number, 123'456'789 + number);
    ++number;
  }
}

class TreeClonerTest : public testing::TestWithParam<CloneMethod> {
protected:
  void SetUp() override {
    if (GetParam() == CloneMethod::reflink && !has_reflinks()) {
      GTEST_SKIP() << "TMPDIR has no reflinks; privileged tests bring an XFS that has";
    }
  }

  static CloneOptions options(unsigned jobs = 2) {
    CloneOptions options;
    options.method = GetParam();
    options.jobs = jobs;
    return options;
  }
};

TEST_P(TreeClonerTest, TheCloneEqualsTheSourceWhateverTheNumberOfThreads) {
  Trees trees;
  fill(trees);
  const auto source = list_tree(trees.from);
  for (const unsigned jobs : {1U, 2U, 16U}) {
    ASSERT_TRUE(ok(trees.clone(options(jobs))));
    EXPECT_EQ(list_tree(trees.to), source);
    ASSERT_TRUE(ok(sys::run({"rm", "-rf", trees.to.native()})));
    trees.dir.make_dir("to");
  }
  EXPECT_EQ(list_tree(trees.from), source);
}

TEST_P(TreeClonerTest, ModesDoNotDependOnTheUmask) {
  Trees trees;
  fill(trees);
  const mode_t before = ::umask(0777);
  const auto cloned = trees.clone(options());
  ::umask(before);
  ASSERT_TRUE(ok(cloned));
  EXPECT_EQ(list_tree(trees.to), list_tree(trees.from));
}

TEST_P(TreeClonerTest, CloningAgainOntoTheCloneChangesNothing) {
  Trees trees;
  fill(trees);
  ASSERT_TRUE(ok(trees.clone(options())));
  ASSERT_TRUE(ok(trees.clone(options())));
  EXPECT_EQ(list_tree(trees.to), list_tree(trees.from));
}

TEST_P(TreeClonerTest, CountsEachNameAndEachInodeOnce) {
  Trees trees;
  fill(trees);
  ASSERT_TRUE(ok(trees.clone(options())));
  EXPECT_EQ(trees.progress.files, 7U);
  const bool linked = GetParam() == CloneMethod::hardlink;
  constexpr std::uint64_t kFiles = 7 + 3'000'000 + 4 + 7;
  constexpr std::uint64_t kSymlinks = 9;
  EXPECT_EQ(trees.progress.bytes, linked ? 0 : kFiles + kSymlinks);
  EXPECT_EQ(trees.progress.written, GetParam() == CloneMethod::copy ? kFiles : 0);
  EXPECT_EQ(trees.progress.inodes, linked ? 3 : 3 + 5 + 3);
}

TEST_P(TreeClonerTest, HolesTakeNoSpace) {
  Trees trees;
  trees.dir.write("from/sparse", "start");
  const Fd file = sys::open_path(trees.from / "sparse", O_WRONLY).value();
  ASSERT_EQ(::ftruncate(file.get(), 64 << 20), 0);
  ASSERT_EQ(::pwrite(file.get(), "middle", 6, 32 << 20), 6);
  trees.dir.write("from/hole", "");
  ASSERT_EQ(::truncate((trees.from / "hole").c_str(), 5 << 20), 0);
  ASSERT_EQ(::fsync(file.get()), 0); // or its blocks are not all counted yet
  ASSERT_TRUE(ok(trees.clone(options())));
  EXPECT_EQ(list_tree(trees.to), list_tree(trees.from));
  const Fd clone = sys::open_path(trees.to / "sparse", O_WRONLY).value();
  ASSERT_EQ(::fsync(clone.get()), 0);
  EXPECT_LE(test::disk_usage(trees.to).bytes, test::disk_usage(trees.from).bytes);
}

TEST_P(TreeClonerTest, MergesDirectoriesAndReplacesTheRest) {
  Trees trees;
  fill(trees);
  trees.dir.write("to/d/theirs", "stays");
  trees.dir.write("to/small/was/a/directory", "goes");
  trees.dir.write("to/fifo", "goes");
  trees.dir.write("to/dangling", "goes");
  ASSERT_EQ(::symlink("/etc", (trees.to / "d/e").c_str()), 0);
  const Fd merged = sys::open_dir(trees.to / "d").value();
  ASSERT_TRUE(ok(sys::set_xattr(merged, "user.old", "goes")));
  ASSERT_TRUE(ok(trees.clone(options())));
  auto target = list_tree(trees.to);
  EXPECT_EQ(target.erase("d/theirs"), 1U);
  EXPECT_EQ(target, list_tree(trees.from));
}

TEST_P(TreeClonerTest, NeverWritesAFileInPlace) {
  Trees trees;
  trees.dir.write("from/file", "new");
  trees.dir.write("other", "old");
  ASSERT_EQ(::link((trees.dir / "other").c_str(), (trees.to / "file").c_str()), 0);
  const struct stat before = stat_of(trees.dir / "other");
  ASSERT_TRUE(ok(trees.clone(options())));
  EXPECT_EQ(trees.dir.read("to/file"), "new");
  EXPECT_EQ(trees.dir.read("other"), "old");
  EXPECT_EQ(stat_of(trees.dir / "other").st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

TEST_P(TreeClonerTest, KeptDirectoriesKeepWhatTheyHaveAndNewOnesGetTheSources) {
  Trees trees;
  fill(trees);
  trees.dir.make_dir("to/d/e");
  ASSERT_EQ(::chmod((trees.to / "d/e").c_str(), 0711), 0);
  set_time(trees.to / "d/e", 7, 7);
  set_time(trees.to, 8, 8);
  const auto before = list_tree(trees.to);
  const std::set<std::string> keep = {"", "d/e", "d/nothing"};
  CloneOptions keeping = options();
  keeping.keep = &keep;
  ASSERT_TRUE(ok(trees.clone(keeping)));
  auto after = list_tree(trees.to);
  EXPECT_EQ(after["d/e"], before.at("d/e"));
  EXPECT_EQ(after["."], before.at("."));
  auto source = list_tree(trees.from);
  for (const char* name : {"d", "d/nothing", "d/e/deep"}) {
    EXPECT_EQ(after[name], source[name]);
  }
}

TEST_P(TreeClonerTest, LeavesTheGroupOfASetgidDirectoryInTheTargetBehind) {
  NEEDS(::geteuid() == 0, "root");
  Trees trees;
  fill(trees);
  ASSERT_EQ(::chown(trees.to.c_str(), 0, 4242), 0);
  ASSERT_EQ(::chmod(trees.to.c_str(), 02755), 0);
  ASSERT_TRUE(ok(trees.clone(options())));
  EXPECT_EQ(list_tree(trees.to), list_tree(trees.from));
}

TEST_P(TreeClonerTest, EndsWhenInterrupted) {
  Trees trees;
  fill(trees);
  CloneOptions interrupted = options();
  interrupted.interrupted = [] { return true; };
  // Work for longer than one poll.
  for (int number = 0; number < 20'000; ++number) {
    ASSERT_EQ(::mknod((trees.from / ("d/e/n" + std::to_string(number))).c_str(), S_IFREG | 0600, 0),
              0);
  }
  EXPECT_TRUE(fails_with(ECANCELED, trees.clone(interrupted)));
}

TEST_P(TreeClonerTest, NamesThePathOfTheFirstError) {
  Trees trees;
  fill(trees);
  NEEDS(::geteuid() == 0, "root");
  // A file in the target's directory that cannot be replaced.
  trees.dir.write("to/d/e/deep/in/the/way", "");
  const Fd immovable = sys::open_dir(trees.to / "d/e/deep/in").value();
  int flags = FS_IMMUTABLE_FL;
  NEEDS(::ioctl(immovable.get(), FS_IOC_SETFLAGS, &flags) == 0, "immutable directories");
  const auto cloned = trees.clone(options());
  flags = 0;
  EXPECT_EQ(::ioctl(immovable.get(), FS_IOC_SETFLAGS, &flags), 0);
  EXPECT_TRUE(fails_with(EPERM, cloned));
  EXPECT_TRUE(fails_saying("d/e/deep: ", cloned));
}

INSTANTIATE_TEST_SUITE_P(Methods, TreeClonerTest,
                         testing::Values(CloneMethod::reflink, CloneMethod::hardlink,
                                         CloneMethod::copy),
                         [](const auto& method) {
                           return method.param == CloneMethod::reflink    ? "Reflink"
                                  : method.param == CloneMethod::hardlink ? "HardLink"
                                                                          : "Copy";
                         });

// Descriptors and the length of paths are bounded; trees are not. In memory, as a disk
// would take most of a minute to make them.
testing::AssertionResult clones_with_descriptors(Trees& trees, rlim_t count, std::uint64_t inodes) {
  return test::holds_in_child([&] {
    const rlimit few = {count, count};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    CloneOptions options;
    options.jobs = 8;
    ASSERT_TRUE(ok(trees.clone(options)));
    EXPECT_EQ(trees.progress.inodes, inodes);
  });
}

// Each level has a second directory, so that all levels wait at once.
TEST(TreeClonerLimitsTest, ATreeOfThreeThousandLevelsNeedsFewDescriptors) {
  constexpr int kDeep = 3000;
  Trees trees("/dev/shm");
  const auto way_down = [](int depth) { return std::string(depth % 2 == 0 ? "d" : "e"); };
  Fd level = sys::open_dir(trees.from).value();
  for (int depth = 0; depth < kDeep; ++depth) {
    for (const std::string name : {"d", "e"}) {
      ASSERT_TRUE(ok(sys::make_dir_at({level, name}, 0755)));
    }
    const std::string file = "f";
    ASSERT_TRUE(ok(sys::create_file_at({level, file}, "x", 0644)));
    const std::string next = way_down(depth);
    level = sys::open_dir_at({level, next}).value();
  }
  ASSERT_TRUE(clones_with_descriptors(trees, 200, 3ULL * kDeep));
  level = sys::open_dir(trees.to).value();
  for (int depth = 0; depth < kDeep; ++depth) {
    const std::string file = "f";
    ASSERT_EQ(sys::read_file_at({level, file}, 1).value(), "x") << depth;
    const std::string next = way_down(depth);
    level = sys::open_dir_at({level, next}).value();
  }
}

TEST(TreeClonerLimitsTest, ADirectoryOfManyDirectoriesNeedsFewDescriptors) {
  constexpr int kWide = 100'000;
  Trees trees("/dev/shm");
  const Fd from = sys::open_dir(trees.from).value();
  for (int number = 0; number < kWide; ++number) {
    ASSERT_EQ(::mkdirat(from.get(), std::to_string(number).c_str(), 0700), 0);
  }
  ASSERT_TRUE(clones_with_descriptors(trees, 64, kWide));
  EXPECT_EQ(stat_of(trees.to).st_nlink, stat_of(trees.from).st_nlink);
}

} // namespace
} // namespace dind::clone
