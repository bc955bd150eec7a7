#include <base/utf8.hpp>

#include <gtest/gtest.h>

#include <utility>

namespace dind {
namespace {

TEST(Utf8Test, AcceptsEveryLengthUpToTheLastCodePoint) {
  for (const char* text : {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa4z"}) {
    EXPECT_TRUE(is_utf8(text)) << printable(text);
  }
}

TEST(Utf8Test, RefusesWhatRfc3629Refuses) {
  const std::pair<const char*, const char*> refused[] = {
      {"a continuation alone", "\x80"},
      {"a byte that never occurs", "\xff"},
      {"two bytes cut short", "\xc3"},
      {"three bytes cut short", "\xe2\x82"},
      {"four bytes cut short", "\xf0\x9f\x98"},
      {"a lead followed by ASCII", "\xc3"
                                   "a"},
      {"an over-long slash", "\xc0\xaf"},
      {"an over-long form of three", "\xe0\x9f\xbf"},
      {"an over-long form of four", "\xf0\x8f\xbf\xbf"},
      {"a surrogate", "\xed\xa0\x80"},
      {"beyond the last code point", "\xf4\x90\x80\x80"},
  };
  for (const auto& [what, text] : refused) {
    EXPECT_FALSE(is_utf8(text)) << what;
  }
}

TEST(Utf16Test, BecomesUtf8) {
  const std::string text("M\0\xfc\0\x3d\xd8\x00\xde\x3d\xd8!\0", 12);
  EXPECT_EQ(utf16_to_utf8(text, ByteOrder::little), "M\xc3\xbc\xf0\x9f\x98\x80\xef\xbf\xbd!");
  EXPECT_EQ(utf16_to_utf8(std::string("\x20\xac\0", 3), ByteOrder::big),
            "\xe2\x82\xac\xef\xbf\xbd");
  EXPECT_EQ(utf16_to_utf8("", ByteOrder::big), "");
}

TEST(PrintableTest, StaysOnOneLineAndKeepsWhatCanBeRead) {
  EXPECT_EQ(printable("plain \xc3\xa4"), "plain \xc3\xa4");
  EXPECT_EQ(printable("raw \xff"), "raw \\xff");
  EXPECT_EQ(printable("c1 \xc2\x9b"
                      "0m\xc2\xa0"),
            "c1 \\xc2\\x9b"
            "0m\xc2\xa0");
  const std::string shown = printable("two\nlines\x1b[0m\x7f");
  EXPECT_EQ(shown.find_first_of("\n\x1b\x7f"), std::string::npos) << shown;
}

} // namespace
} // namespace dind
