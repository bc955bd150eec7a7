#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>
#include <tar_split/header_source.hpp>
#include <tar_split/reader.hpp>
#include <tar_split/tar_source.hpp>
#include <tar_split/writer.hpp>

#include <gtest/gtest.h>

namespace dind::tar_split {
namespace {

using test::fails_saying;
using test::make_again;
using test::ok;
using test::RecordingMarks;
using test::TarBuilder;
using test::TempDir;
using test::unpack;

// The tar-split of a tar, without unpacking it.
Result<std::string> split_of(std::string_view tar) {
  std::string json;
  Writer writer([&json](std::string_view text) -> Result<void> {
    json += text;
    return {};
  });
  archive::MemorySource source(tar);
  archive::TarReader reader(source, &writer);
  while (TRY(reader.next())) {
  }
  TRY(writer.finish());
  return json;
}

std::vector<Item> items_of(std::string_view json) {
  archive::MemorySource source(json);
  Reader reader(source);
  std::vector<Item> items;
  while (auto item = reader.next().value()) {
    items.push_back(*std::move(item));
  }
  return items;
}

Result<void> read_all_items(std::string_view json) {
  archive::MemorySource source(json);
  Reader reader(source);
  while (TRY(reader.next())) {
  }
  return {};
}

std::string lines_without_payload(std::string json) {
  for (std::size_t at = 0;
       (at = json.find("\"type\":2,\"payload\":\"", at)) != std::string::npos;) {
    at += 20;
    json.erase(at, json.find('"', at) - at);
  }
  return json;
}

TEST(WriterTest, WritesWhatDockerdWrites) {
  const std::string tar = TarBuilder()
                              .directory("./dir/")
                              .file("dir/123", "123456789")
                              .file("empty", "")
                              .symlink("link", "123")
                              .finish();
  EXPECT_EQ(lines_without_payload(split_of(tar).value()),
            R"({"type":2,"payload":"","position":0}
{"type":1,"name":"./dir/","payload":null,"position":1}
{"type":2,"payload":"","position":2}
{"type":1,"name":"dir/123","size":9,"payload":"uQlWx3WkEAE=","position":3}
{"type":2,"payload":"","position":4}
{"type":1,"name":"empty","payload":null,"position":5}
{"type":2,"payload":"","position":6}
{"type":1,"name":"link","payload":null,"position":7}
{"type":2,"payload":"","position":8}
)");
}

TEST(WriterTest, PutsPaddingExtensionsAndHeaderOfAMemberIntoOneSegment) {
  const std::string tar =
      TarBuilder().file("a", "abc").add({.name = "b", .pax = {{"path", "long"}}}).finish();
  const auto items = items_of(split_of(tar).value());
  ASSERT_EQ(items.size(), 5U);
  EXPECT_EQ(std::get<Segment>(items[0]).bytes, tar.substr(0, 512));
  EXPECT_EQ(std::get<Segment>(items[2]).bytes, tar.substr(512 + 3, 509 + 3 * 512));
  EXPECT_EQ(std::get<File>(items[3]).name, "long");
  EXPECT_EQ(std::get<Segment>(items[4]).bytes, std::string(1024, '\0'));
}

TEST(WriterTest, GivesGlobalHeadersAnEntryAndTrailersSegmentsOfAMebibyte) {
  const std::string tar =
      TarBuilder().pax({{"comment", "x"}}, 'g').finish() + std::string((1U << 20U) + 10, '\0');
  const auto items = items_of(split_of(tar).value());
  ASSERT_EQ(items.size(), 5U);
  EXPECT_EQ(std::get<File>(items[1]).name, "pax_global_header");
  // dockerd, too, counts the padding of a global header to what follows.
  EXPECT_EQ(std::get<Segment>(items[0]).bytes.size(), 512U + 13U);
  EXPECT_EQ(std::get<Segment>(items[2]).bytes.size(), 499U + 1024U);
  EXPECT_EQ(std::get<Segment>(items[3]).bytes.size(), 1U << 20U);
  EXPECT_EQ(std::get<Segment>(items[4]).bytes.size(), 10U);
}

TEST(WriterTest, EscapesNamesAsGoDoes) {
  const std::string tar = TarBuilder()
                              .file("<a>&\"\\\t\n\r\b\f\x01\x7f", "")
                              .file("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xc3\xa9", "")
                              .file("raw\xff", "")
                              .file("half\xe2\x80", "")
                              .finish();
  const std::string json = split_of(tar).value();
  EXPECT_NE(json.find(R"("name":"\u003ca\u003e\u0026\"\\\t\n\r\b\f\u0001)"
                      "\x7f\""),
            std::string::npos);
  EXPECT_NE(json.find("\"name\":\"\\u2028\\u2029\xe2\x80\xaa\xc3\xa9\""), std::string::npos);
  EXPECT_NE(json.find(R"("name_raw":"cmF3/w==")"), std::string::npos);
  EXPECT_NE(json.find(R"("name_raw":"aGFsZuKA")"), std::string::npos);
  const auto items = items_of(json);
  EXPECT_EQ(std::get<File>(items[1]).name, "<a>&\"\\\t\n\r\b\f\x01\x7f");
  EXPECT_EQ(std::get<File>(items[3]).name, "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xc3\xa9");
  EXPECT_EQ(std::get<File>(items[5]).name, "raw\xff");
}

TEST(WriterTest, RefusesNamesThatAreTheSameOnceCleaned) {
  EXPECT_TRUE(fails_saying("duplicate entry ./a/",
                           split_of(TarBuilder().file("a", "").directory("./a/").finish())));
}

TEST(WriterTest, KeepsTheDataOfWhiteoutsThatShouldHaveNone) {
  const std::string tar = TarBuilder().file(".wh.x", "odd").finish();
  const auto items = items_of(split_of(tar).value());
  EXPECT_EQ(std::get<File>(items[1]).size, 0U);
  const TempDir dir;
  EXPECT_EQ(make_again(split_of(tar).value(), dir.fd()).value(), tar);
}

TEST(ReaderTest, ReadsWhatOtherJsonWritersMayWrite) {
  const auto items =
      items_of("{ \"position\" : 0, \"type\": 1, \"payload\": null, \"name\": \"a\\u00e9\\/\" }\r\n"
               R"({"type":2,"payload":"YQ==","position":1})");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(std::get<File>(items[0]).name, "a\xc3\xa9/");
  EXPECT_EQ(std::get<Segment>(items[1]).bytes, "a");
}

TEST(ReaderTest, RefusesWhatIsNoTarSplit) {
  const char* lines[] = {
      "",
      "x",
      "[]",
      "{}",
      R"({"type":3,"payload":"","position":0})",
      R"({"type":2,"payload":"YQ=","position":0})",
      R"({"type":2,"payload":"Y!==","position":0})",
      R"({"type":2,"payload":"YQ==","position":1})",
      R"({"type":2,"payload":"YQ==","position":0} x)",
      R"({"type":2,"payload":"YQ==","position":0)",
      R"({"type":2,"payload":"YQ==)",
      R"({"type":1,"name":"x","size":-1,"payload":null,"position":0})",
      R"({"type":1,"name":"x","size":1,"payload":null,"position":0})",
      R"({"type":1,"name":"x","size":99999999999999999999,"payload":null,"position":0})",
      R"({"type":1,"name":"x","payload":"uQlWx3WkEAE=","position":0})",
      R"({"type":1,"name":"\ud800","payload":null,"position":0})",
      R"({"type":1,"other":"x","payload":null,"position":0})",
  };
  for (const char* line : lines) {
    EXPECT_TRUE(fails_saying("tar-split, line 1", read_all_items(std::string(line) + "\n")))
        << line;
  }
}

TEST(ReaderTest, BoundsItsLines) {
  const std::string line = R"({"type":2,"payload":")" + std::string(9U << 20U, 'A');
  EXPECT_TRUE(fails_saying("longer than", read_all_items(line)));
}

TEST(HeaderSourceTest, HasHeadersAndZerosForTheContent) {
  const std::string tar = TarBuilder()
                              .pax({{"comment", "of all"}}, 'g')
                              .file("a", std::string(3000, 'a'))
                              .whiteout("b")
                              .finish();
  const std::string json = split_of(tar).value();
  archive::MemorySource text(json);
  HeaderSource source(text);
  archive::TarReader reader(source);
  std::vector<std::pair<archive::EntryType, std::uint64_t>> members;
  for (auto entry = reader.next(); entry && *entry; entry = reader.next()) {
    const auto file = source.next_file();
    ASSERT_TRUE(ok(file));
    EXPECT_EQ(file->name, (*entry)->name);
    members.emplace_back((*entry)->type, file->size);
  }
  using archive::EntryType;
  EXPECT_EQ(members,
            (std::vector<std::pair<EntryType, std::uint64_t>>{
                {EntryType::global_header, 0}, {EntryType::file, 3000}, {EntryType::file, 0}}));
  EXPECT_EQ(source.offset(), tar.size());
  EXPECT_TRUE(fails_saying("does not name each file", source.next_file()));
}

TEST(HeaderSourceTest, KeepsNoMoreFilesThanItIsAheadOfItsReader) {
  std::string json;
  for (int position = 0; position < 2000; ++position) {
    json += R"({"type":1,"name":"a","payload":null,"position":)" + std::to_string(position) + "}\n";
  }
  archive::MemorySource text(json);
  HeaderSource source(text);
  std::array<std::byte, 512> block{};
  EXPECT_TRUE(fails_saying("more files than the tar has headers", source.read(block)));
}

TEST(HeaderSourceTest, HasNoContentOfAFileThatNoHeaderNamed) {
  archive::MemorySource text(
      R"({"type":1,"name":"a","size":4611686018427387904,"payload":"AAAAAAAAAAA=","position":0})");
  HeaderSource source(text);
  std::array<std::byte, 512> block{};
  EXPECT_TRUE(fails_saying("content where the tar has no file", source.read(block)));
}

class TarSourceTest : public testing::Test {
protected:
  void SetUp() override {
    auto unpacked = unpack(tar_, dir_.fd(), marks_);
    ASSERT_TRUE(ok(unpacked));
    json_ = *std::move(unpacked);
  }

  const std::string tar_ = TarBuilder()
                               .directory("d")
                               .file("d/small", "some content")
                               .file("d/large", std::string(700'001, 'l'))
                               .whiteout("d/gone")
                               .finish();
  const TempDir dir_;
  RecordingMarks marks_;
  std::string json_;
};

TEST_F(TarSourceTest, MakesTheTarAgain) {
  EXPECT_EQ(make_again(json_, dir_.fd()).value(), tar_);
}

TEST_F(TarSourceTest, FillsWhatItIsGiven) {
  archive::MemorySource json(json_);
  TarSource source(json, [this](const std::string& name) {
    return sys::open_beneath(dir_.fd(), name, O_RDONLY);
  });
  std::string all;
  std::string piece(777, '\0');
  while (const std::size_t got = source.read(std::as_writable_bytes(std::span(piece))).value()) {
    all.append(piece, 0, got);
    ASSERT_TRUE(got == piece.size() || all.size() == tar_.size());
  }
  EXPECT_EQ(all, tar_);
}

TEST_F(TarSourceTest, NamesAFileWhoseContentChanged) {
  dir_.write("d/small", "some CONTENT");
  EXPECT_TRUE(
      fails_saying("d/small: its content has another checksum", make_again(json_, dir_.fd())));
}

TEST_F(TarSourceTest, NamesAFileWhoseSizeChanged) {
  dir_.write("d/small", "some content and more");
  EXPECT_TRUE(fails_saying("d/small: 21 bytes instead of 12", make_again(json_, dir_.fd())));
}

TEST_F(TarSourceTest, NamesAFileThatIsGoneOrNone) {
  const std::string small = "d/small";
  ASSERT_TRUE(ok(sys::unlink_at({dir_.fd(), small})));
  EXPECT_TRUE(fails_saying("d/small: ", make_again(json_, dir_.fd())));
  dir_.make_dir(small);
  EXPECT_TRUE(fails_saying("d/small: not a regular file", make_again(json_, dir_.fd())));
}

} // namespace
} // namespace dind::tar_split
