#include <sys/written.hpp>

#include <sys/file.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::sys {
namespace {

using test::ok;

// What `write` does, in a directory of its own.
template <typename Write>
Written written_by(Write write) {
  const test::TempDir place;
  const Fd dir = open_dir(place.path()).value();
  const Written before = written_so_far();
  write(dir);
  const Written after = written_so_far();
  return {after.bytes - before.bytes, after.files - before.files};
}

TEST(WrittenTest, CountsBytesAndTheirFile) {
  const Written written = written_by([](const Fd& dir) {
    EXPECT_TRUE(ok(create_file_at({dir, "file"}, "words", 0644)));
  });
  EXPECT_EQ(written.bytes, 5U);
  EXPECT_EQ(written.files, 1U);
}

TEST(WrittenTest, CountsDirectoriesSymlinksAndNodes) {
  const Written written = written_by([](const Fd& dir) {
    EXPECT_TRUE(ok(make_dir_at({dir, "dir"}, 0755)));
    EXPECT_TRUE(ok(symlink_at("dir", {dir, "symlink"})));
    EXPECT_TRUE(ok(make_node_at({dir, "fifo"}, S_IFIFO | 0644U, 0)));
  });
  EXPECT_EQ(written.bytes, 0U);
  EXPECT_EQ(written.files, 3U);
}

TEST(WrittenTest, TakesNoHardLinkForAFileOfItsOwn) {
  const Written written = written_by([](const Fd& dir) {
    EXPECT_TRUE(ok(create_file_at({dir, "file"}, "", 0644)));
    EXPECT_TRUE(ok(link_at({dir, "file"}, {dir, "link"})));
  });
  EXPECT_EQ(written.files, 1U);
}

TEST(WrittenTest, DoesNotCountWhatIsThereAlready) {
  const Written written = written_by([](const Fd& dir) {
    EXPECT_TRUE(ok(ensure_dir_at({dir, "dir"}, 0755)));
    EXPECT_TRUE(ok(ensure_dir_at({dir, "dir"}, 0755)));
  });
  EXPECT_EQ(written.files, 1U);
}

} // namespace
} // namespace dind::sys
