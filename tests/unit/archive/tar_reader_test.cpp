#include <archive/tar_reader.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

namespace dind::archive {
namespace {

using test::fails_saying;
using test::members_of;
using test::ok;
using test::TarBuilder;
using test::TarMember;

// Puts the pieces into a string of the right size; what never comes stays '.'.
class PayloadText final : public PayloadSink {
public:
  explicit PayloadText(std::size_t size) : content(size, '.') {}
  Result<void> data(std::uint64_t offset, std::span<const std::byte> bytes) override {
    content.replace(offset, bytes.size(), reinterpret_cast<const char*>(bytes.data()),
                    bytes.size());
    return {};
  }
  std::string content;
};

Result<std::string> content_of(std::string_view tar, std::string_view name) {
  MemorySource source(tar);
  TarReader reader(source);
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      return input_error("no such member");
    }
    if (entry->name == name) {
      PayloadText sink(entry->size);
      TRY(reader.read_payload(sink));
      return sink.content;
    }
  }
}

TarEntry only_member(const TarBuilder& tar) {
  return members_of(tar.finish()).value().at(0);
}

TEST(TarReaderTest, GivesMembersInOrderWithTheirContent) {
  const std::string large(600'000, 'x');
  const std::string tar = TarBuilder()
                              .directory("a/")
                              .file("a/one", "1")
                              .file("a/big", large)
                              .file("a/none", "")
                              .finish();
  const auto members = members_of(tar).value();
  ASSERT_EQ(members.size(), 4U);
  EXPECT_EQ(members[0].type, EntryType::directory);
  EXPECT_EQ(members[1].name, "a/one");
  EXPECT_EQ(members[3].size, 0U);
  EXPECT_EQ(content_of(tar, "a/one").value(), "1");
  EXPECT_EQ(content_of(tar, "a/big").value(), large);
}

TEST(TarReaderTest, LetsPaxOverrideTheHeaderAndGnuOverridePax) {
  const auto entry = only_member(TarBuilder()
                                     .long_name("from gnu")
                                     .add({.name = "short",
                                           .type = '2',
                                           .link_name = "short target",
                                           .pax = {{"path", "from pax"},
                                                   {"linkpath", "pax target"},
                                                   {"uid", "3000000"},
                                                   {"gid", "4294967294"},
                                                   {"mtime", "12.5"},
                                                   {"SCHILY.xattr.user.b", "2"},
                                                   {"SCHILY.xattr.user.a", "1"},
                                                   {"comment", "ignored"}}}));
  EXPECT_EQ(entry.name, "from gnu");
  EXPECT_EQ(entry.link_name, "pax target");
  EXPECT_EQ(entry.uid, 3000000U);
  EXPECT_EQ(entry.gid, 4294967294U);
  EXPECT_EQ(entry.mtime, 12);
  EXPECT_EQ(entry.mtime_ns, 500000000U);
  ASSERT_EQ(entry.xattrs.size(), 2U);
  EXPECT_EQ(entry.xattrs[0].name, "user.a");
  EXPECT_EQ(entry.xattrs[1].value, "2");
}

TEST(TarReaderTest, TakesTheSizeFromPax) {
  const std::string tar =
      TarBuilder()
          .add({.name = "x", .content = "content", .pax = {{"size", "7"}}, .declared_size = 0})
          .file("next", "n")
          .finish();
  EXPECT_EQ(content_of(tar, "x").value(), "content");
  EXPECT_EQ(content_of(tar, "next").value(), "n");
}

TEST(TarReaderTest, KeepsTheHeadersFieldWhereAPaxValueIsEmpty) {
  EXPECT_EQ(only_member(TarBuilder().add({.name = "x", .pax = {{"path", ""}}})).name, "x");
}

TEST(TarReaderTest, AppliesGlobalHeadersToNothing) {
  const auto members =
      members_of(TarBuilder().pax({{"path", "global"}, {"uid", "7"}}, 'g').file("x", "").finish())
          .value();
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].type, EntryType::global_header);
  EXPECT_EQ(members[0].name, "global");
  EXPECT_EQ(members[1].name, "x");
  EXPECT_NE(members[1].uid, 7U);
}

TEST(TarReaderTest, TakesDirectoriesByTheirSlashOnlyWhereThereIsNoType) {
  EXPECT_EQ(only_member(TarBuilder().add({.name = "d/", .type = '\0'})).type, EntryType::directory);
  EXPECT_EQ(only_member(TarBuilder().add({.name = "f", .type = '\0'})).type, EntryType::file);
  EXPECT_EQ(only_member(TarBuilder().add({.name = "f/", .type = '0'})).type, EntryType::file);
  EXPECT_EQ(only_member(TarBuilder().add({.name = "f", .type = '7'})).type, EntryType::file);
}

TEST(TarReaderTest, ReadsNoDataOfWhatHasNone) {
  for (const char type : {'1', '2', '3', '4', '5', '6'}) {
    const auto members = members_of(TarBuilder()
                                        .add({.name = "x", .type = type, .declared_size = 4096})
                                        .file("next", "")
                                        .finish());
    ASSERT_TRUE(ok(members));
    EXPECT_EQ(members->at(0).size, 0U);
    EXPECT_EQ(members->at(1).name, "next");
  }
}

TEST(TarReaderTest, WrapsOwnersAroundAsTheKernelDoes) {
  EXPECT_EQ(only_member(TarBuilder().add({.name = "x", .pax = {{"uid", "-2"}}})).uid, 4294967294U);
  EXPECT_EQ(only_member(TarBuilder().add({.name = "x", .pax = {{"uid", "-1"}}})).uid, 0U);
  EXPECT_TRUE(fails_saying(
      "out of range",
      members_of(TarBuilder().add({.name = "x", .pax = {{"gid", "4294967296"}}}).finish())));
}

TEST(TarReaderTest, EndsWhereTheTrailerIsMissing) {
  const TarBuilder tar = std::move(TarBuilder().file("a", "content"));
  EXPECT_EQ(members_of(tar.bytes())->size(), 1U);
  EXPECT_EQ(members_of(tar.bytes() + std::string(512, '\0'))->size(), 1U);
  EXPECT_EQ(members_of(tar.bytes().substr(0, 512 + 7))->size(), 1U) << "no padding";
  EXPECT_EQ(members_of("")->size(), 0U);
}

TEST(TarReaderTest, ReadsItsSourceToTheLastByte) {
  const std::string tar =
      TarBuilder().file("a", "content").finish() + std::string(9000, '\0') + "!";
  MemorySource source(tar);
  TarReader reader(source);
  while (*reader.next()) {
  }
  std::byte one{};
  EXPECT_EQ(source.read({&one, 1}).value(), 0U);
}

TEST(TarReaderTest, RefusesAnArchiveThatIsCutInAHeaderOrPayload) {
  const std::string tar = TarBuilder()
                              .add({.name = "x",
                                    .content = std::string(1000, 'c'),
                                    .pax = {{"comment", std::string(600, 'p')}}})
                              .bytes();
  const std::size_t whole = 512 + 1024 + 512 + 1000;
  for (std::size_t size = 1; size < whole; ++size) {
    ASSERT_TRUE(fails_saying("", members_of(tar.substr(0, size)))) << size;
  }
}

TEST(TarReaderTest, SaysWhatADeclaredSizeLacks) {
  const std::string tar = TarBuilder().add({.name = "big", .declared_size = 10737418240}).finish();
  EXPECT_TRUE(
      fails_saying("big: the header declares 10737418240 bytes, but the archive ends after 1024",
                   members_of(tar)));
}

TEST(TarReaderTest, NamesTheOffsetOfABadHeader) {
  const std::string tar =
      TarBuilder().file("a", "x").add({.name = "b", .bad_checksum = true}).finish();
  EXPECT_TRUE(fails_saying("the tar header at byte 1024: its checksum is wrong", members_of(tar)));
  EXPECT_TRUE(fails_saying("byte 0", members_of(std::string(2048, 'z'))));
}

TEST(TarReaderTest, RefusesDataBehindASingleZeroBlock) {
  const std::string tar = std::string(512, '\0') + TarBuilder().file("a", "").finish();
  EXPECT_TRUE(fails_saying("zero block", members_of(tar)));
}

TEST(TarReaderTest, BoundsExtensionHeaders) {
  const std::string large(1U << 20U, 'n');
  EXPECT_TRUE(fails_saying("the limit is 1048576",
                           members_of(TarBuilder().long_name(large).file("x", "").finish())));
  TarMember lies{.name = "pax", .type = 'x', .declared_size = 1ULL << 62U};
  EXPECT_TRUE(fails_saying("the limit is", members_of(TarBuilder().add(lies).finish())));
}

TEST(TarReaderTest, RefusesTypesThatCannotBeUnpacked) {
  EXPECT_TRUE(
      fails_saying("type 0x56", members_of(TarBuilder().add({.name = "v", .type = 'V'}).finish())));
}

} // namespace
} // namespace dind::archive
