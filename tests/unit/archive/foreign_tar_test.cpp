#include <archive/sha256.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/temp_dir.hpp>

#include <sys/dir.hpp>
#include <sys/spawn.hpp>
#include <sys/xattr.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <map>

namespace dind::archive {
namespace {

using test::make_again;
using test::ok;
using test::RecordingMarks;
using test::stat_of;
using test::TempDir;
using test::unpack;

enum class Names { any, short_only };

struct Foreign {
  const char* title;
  std::vector<std::string> command; // gets the archive, "-C", the tree and its entries
  Names names = Names::any;
};

const Foreign kForeign[] = {
    {"GnuV7", {"tar", "--format=v7", "-cf"}, Names::short_only},
    {"GnuUstar", {"tar", "--format=ustar", "-cf"}, Names::short_only},
    {"GnuGnu", {"tar", "--format=gnu", "-cf"}},
    {"GnuOldGnu", {"tar", "--format=oldgnu", "-cf"}},
    {"GnuPosix", {"tar", "--format=posix", "-cf"}},
    {"GnuPosixXattrs", {"tar", "--format=posix", "--xattrs", "--xattrs-include=*", "-cf"}},
    {"GnuPosixGlobalHeader", {"tar", "--format=posix", "--pax-option=comment=hello", "-cf"}},
    {"GnuSparse", {"tar", "--format=gnu", "--sparse", "-cf"}},
    {"GnuPosixSparse00", {"tar", "--format=posix", "--sparse", "--sparse-version=0.0", "-cf"}},
    {"GnuPosixSparse01", {"tar", "--format=posix", "--sparse", "--sparse-version=0.1", "-cf"}},
    {"GnuPosixSparse10", {"tar", "--format=posix", "--sparse", "--sparse-version=1.0", "-cf"}},
    {"GnuLargeRecords", {"tar", "--format=gnu", "-b", "4096", "-cf"}},
    {"BsdV7", {"bsdtar", "--format=v7tar", "-cf"}, Names::short_only},
    {"BsdUstar", {"bsdtar", "--format=ustar", "-cf"}, Names::short_only},
    {"BsdGnu", {"bsdtar", "--format=gnutar", "-cf"}},
    {"BsdPax", {"bsdtar", "--format=pax", "-cf"}},
    {"BsdRestrictedPax", {"bsdtar", "--format=paxr", "-cf"}},
};

// All that matters of a tree, path by path.
class Listing {
public:
  explicit Listing(const Fd& root) { walk(root, ""); }
  bool operator==(const Listing& other) const { return lines_ == other.lines_; }
  friend void PrintTo(const Listing& listing, std::ostream* out) {
    for (const std::string& line : listing.lines_) {
      *out << '\n' << line;
    }
  }

private:
  void walk(const Fd& dir, const std::string& prefix) {
    const auto entries = sys::list_dir(dir).value();
    for (const sys::DirEntry& entry : entries) {
      const sys::At at{dir, entry.name};
      const std::string path = prefix + entry.name;
      const struct stat found = sys::stat_at(at).value();
      std::string line = fmt::format("{} {:o} {}:{} {} ", path, found.st_mode, found.st_uid,
                                     found.st_gid, found.st_mtim.tv_sec);
      const auto [first, fresh] = inodes_.emplace(found.st_ino, path);
      if (S_ISDIR(found.st_mode)) {
        walk(sys::open_dir_at(at).value(), path + "/");
      } else if (!fresh) {
        line += "same as " + first->second;
      } else if (S_ISLNK(found.st_mode)) {
        line += sys::read_link_at(at).value();
      } else {
        line += sha256_of(sys::read_file_at(at, 1U << 30U).value()).hex();
      }
      lines_.push_back(line);
    }
  }

  std::map<ino_t, std::string> inodes_;
  std::vector<std::string> lines_;
};

// Whole seconds, as most formats have no others.
void settle_times(const Fd& dir) {
  const auto entries = sys::list_dir(dir).value();
  for (const sys::DirEntry& entry : entries) {
    const sys::At at{dir, entry.name};
    if (S_ISDIR(sys::stat_at(at).value().st_mode)) {
      settle_times(sys::open_dir_at(at).value());
    }
    std::ignore = sys::set_times_at(at, {1'234'567'890, 0}, {1'234'567'890, 0});
  }
}

void write_at(const TempDir& dir, const std::string& name, std::uint64_t offset,
              std::string_view text) {
  const Fd fd = sys::open_path(dir / name, O_WRONLY | O_CREAT, 0644).value();
  ASSERT_TRUE(ok(sys::write_all_at(fd, std::as_bytes(std::span(text)), offset)));
}

void fill(const TempDir& dir, Names names) {
  dir.write("file", "some content");
  dir.write("empty", "");
  dir.write("dir/sub/large", std::string(300'000, 'l'));
  dir.make_dir("dir/none");
  const std::string file = "file";
  const std::string second = "hard link";
  ASSERT_TRUE(ok(sys::link_at({dir.fd(), file}, {dir.fd(), second})));
  const std::string symlink = "symlink";
  ASSERT_TRUE(ok(sys::symlink_at("dir/../file", {dir.fd(), symlink})));
  ASSERT_TRUE(ok(sys::set_mode_at({dir.fd(), file}, 04711)));
  if (names == Names::short_only) {
    return;
  }
  const std::string component(120, 'n');
  dir.write(component + "/" + component + "/" + component, "deep");
  const std::string link = "long link";
  ASSERT_TRUE(ok(sys::symlink_at(component + "/" + component, {dir.fd(), link})));
  dir.write("caf\xc3\xa9", "utf-8");
  dir.write("new\nline & <tag> \"quoted\" back\\slash", "odd");
  // More extents than a GNU header has room for; one with data at the end, one without.
  for (std::uint64_t i = 0; i < 40; ++i) {
    write_at(dir, "sparse", i * 65536, "data");
  }
  write_at(dir, "sparse end", 4096, "data");
  ASSERT_EQ(::truncate((dir / "sparse end").c_str(), 1'000'000), 0);
  write_at(dir, "hole", 0, "");
  ASSERT_EQ(::truncate((dir / "hole").c_str(), 500'000), 0);
}

class ForeignTarTest : public testing::TestWithParam<Foreign> {};

TEST_P(ForeignTarTest, UnpacksToTheSameTreeAndIsMadeAgainToTheByte) {
  const TempDir source;
  fill(source, GetParam().names);
  settle_times(source.fd());
  const TempDir out;
  std::vector<std::string> command = GetParam().command;
  command.insert(command.end(), {(out / "x.tar").native(), "-C", source.path().native()});
  const auto entries = sys::list_dir(source.fd()).value();
  for (const sys::DirEntry& entry : entries) {
    command.push_back("./" + entry.name);
  }
  const auto made = sys::run(command);
  NEEDS(made && made->status.code != 127, command.front());
  ASSERT_EQ(made->status.code, 0) << made->output;

  const std::string tar = out.read("x.tar");
  const TempDir target;
  RecordingMarks marks;
  const auto json = unpack(tar, target.fd(), marks);
  ASSERT_TRUE(ok(json));
  EXPECT_EQ(Listing(target.fd()), Listing(source.fd()));
  const auto again = make_again(*json, target.fd());
  ASSERT_TRUE(ok(again));
  EXPECT_TRUE(*again == tar);
}

INSTANTIATE_TEST_SUITE_P(Every, ForeignTarTest, testing::ValuesIn(kForeign),
                         [](const auto& row) { return std::string(row.param.title); });

TEST(ForeignTarTest, KeepsNanosecondsAndXattrsOfPax) {
  const TempDir source;
  source.write("file", "x");
  const std::string name = "file";
  ASSERT_TRUE(ok(sys::set_times_at({source.fd(), name}, {5, 6}, {1'234'567'890, 123'456'789})));
  const std::string value("binary\0\n\xff", 9);
  NEEDS(sys::set_xattr_at({source.fd(), name}, "user.test", value),
        "a filesystem with user attributes");
  const TempDir out;
  const auto made = sys::run({"tar", "--format=posix", "--xattrs", "-cf", (out / "x.tar").native(),
                              "-C", source.path().native(), "file"});
  ASSERT_TRUE(ok(made));
  const TempDir target;
  RecordingMarks marks;
  ASSERT_TRUE(ok(unpack(out.read("x.tar"), target.fd(), marks)));
  EXPECT_EQ(stat_of(target / "file").st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(sys::get_xattr_at({target.fd(), name}, "user.test").value(), value);
}

TEST(ForeignTarTest, KeepsHolesOfSparseMembers) {
  const TempDir source;
  write_at(source, "sparse", 50'000'000, "end");
  const TempDir out;
  const auto made = sys::run(
      {"tar", "--sparse", "-cf", (out / "x.tar").native(), "-C", source.path().native(), "sparse"});
  ASSERT_TRUE(ok(made));
  const TempDir target;
  RecordingMarks marks;
  ASSERT_TRUE(ok(unpack(out.read("x.tar"), target.fd(), marks)));
  EXPECT_EQ(stat_of(target / "sparse").st_size, 50'000'003);
  EXPECT_LT(stat_of(target / "sparse").st_blocks * 512, 1'000'000);
}

} // namespace
} // namespace dind::archive
