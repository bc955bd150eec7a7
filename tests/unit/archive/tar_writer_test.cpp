#include <archive/tar_writer.hpp>

#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/temp_dir.hpp>
#include <sys/spawn.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::ok;

struct Content {
  std::string name;
  std::string text;
};

// As a disk or a pipe may do it: a few bytes at a time.
class SlowSource final : public ByteSource {
public:
  explicit SlowSource(std::string_view text) : text_(text) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    constexpr std::size_t kAtOnce = 7;
    return text_.read(into.first(std::min(into.size(), kAtOnce)));
  }

private:
  MemorySource text_;
};

// A tar of `files`, each said to be `more` bytes longer than it is.
TarWriterSource tar_of(const std::vector<Content>& files, std::uint64_t more = 0) {
  return TarWriterSource([&files, more, next = std::size_t{0}]() mutable {
    using File = std::optional<TarFile>;
    if (next == files.size()) {
      return Result<File>(File());
    }
    const Content& file = files[next++];
    return Result<File>(
        TarFile{file.name, file.text.size() + more, std::make_unique<SlowSource>(file.text)});
  });
}

const std::vector<Content> kFiles = {{"empty", ""},
                                     {"a/b", "short"},
                                     {"block", std::string(kTarBlock, 'x')},
                                     {std::string(100, 'n'), std::string(70'001, 'y')}};

TEST(TarWriterTest, IsReadBackAsItWasWritten) {
  TarWriterSource tar = tar_of(kFiles);
  const auto bytes = test::read_whole(tar);
  ASSERT_TRUE(ok(bytes));
  EXPECT_EQ(bytes->size() % kTarBlock, 0U);
  const auto members = test::members_of(*bytes);
  ASSERT_TRUE(ok(members));
  ASSERT_EQ(members->size(), kFiles.size());
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    EXPECT_EQ(members->at(i).name, kFiles[i].name);
    EXPECT_EQ(members->at(i).size, kFiles[i].text.size());
  }
}

TEST(TarWriterTest, IsUnpackedByGnuTar) {
  const test::TempDir dir;
  TarWriterSource tar = tar_of(kFiles);
  const auto bytes = test::read_whole(tar);
  ASSERT_TRUE(ok(bytes));
  const auto file = dir.write("a.tar", *bytes);
  const auto done = sys::run({"tar", "-C", dir.path().native(), "-xf", file.native()});
  ASSERT_TRUE(ok(done));
  EXPECT_EQ(done->status.code, 0) << done->output;
  EXPECT_EQ(done->output, "");
  for (const Content& content : kFiles) {
    EXPECT_EQ(dir.read(content.name), content.text);
  }
}

TEST(TarWriterTest, EndsWithTwoBlocksOfZeros) {
  const std::vector<Content> none;
  TarWriterSource tar = tar_of(none);
  const auto bytes = test::read_whole(tar);
  ASSERT_TRUE(ok(bytes));
  EXPECT_EQ(*bytes, std::string(2 * kTarBlock, '\0'));
}

TEST(TarWriterTest, WritesSizesThatOctalCannotHold) {
  for (const std::uint64_t size : {std::uint64_t{1}, (std::uint64_t{1} << 33U) - 1,
                                   std::uint64_t{1} << 33U, std::uint64_t{0x0123456789abcdef}}) {
    const auto block = print_file_header({"f", size, nullptr});
    ASSERT_TRUE(ok(block));
    const auto header = parse_tar_header(*block);
    ASSERT_TRUE(ok(header)) << size;
    EXPECT_EQ(header->size, static_cast<std::int64_t>(size));
    EXPECT_EQ(header->format, TarFormat::ustar);
    EXPECT_EQ(header->mode, 0644);
  }
}

TEST(TarWriterTest, RefusesANameThatDoesNotFit) {
  EXPECT_TRUE(ok(print_file_header({std::string(100, 'n'), 0, nullptr})));
  EXPECT_TRUE(fails_saying("101 bytes", print_file_header({std::string(101, 'n'), 0, nullptr})));
  EXPECT_FALSE(print_file_header({"", 0, nullptr}));
}

TEST(TarWriterTest, RefusesAContentOfAnotherLength) {
  const std::vector<Content> files = {{"f", "content"}};
  TarWriterSource short_one = tar_of(files, 2);
  EXPECT_TRUE(fails_saying("f: 2 bytes too short", test::read_whole(short_one)));
  TarWriterSource long_one = tar_of(files, static_cast<std::uint64_t>(-3));
  EXPECT_TRUE(fails_saying("f: longer than 4 bytes", test::read_whole(long_one)));
}

} // namespace
} // namespace dind::archive
