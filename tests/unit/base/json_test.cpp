#include <base/json.hpp>
#include <support/expect.hpp>

namespace dind::json {
namespace {

using test::fails_saying;
using test::ok;

TEST(JsonParseTest, NamesLineAndColumnOfTheFirstMistake) {
  EXPECT_TRUE(fails_saying("line 2, column ", parse("{\"a\": 1,\n oops}")));
  EXPECT_TRUE(fails_saying("line 1, column ", parse("")));
}

TEST(JsonParseTest, RefusesWhatIsNotOneWholeDocument) {
  for (const char* text :
       {"", " ", "{", "[1,", "{} x", "{}{}", "01", "{\"a\":1,}", "nul", "\"\xff\""}) {
    EXPECT_FALSE(parse(text)) << text;
  }
  EXPECT_TRUE(ok(parse(" {} \r\n\t")));
}

TEST(JsonParseTest, RefusesDeepNesting) {
  EXPECT_TRUE(ok(parse(std::string(30, '[') + std::string(30, ']'))));
  EXPECT_FALSE(parse(std::string(100'000, '[')));
}

TEST(JsonParseTest, BoundsItsValuesAndNotItsText) {
  EXPECT_TRUE(ok(parse("[1, {\"a\": [2]}]", 6)));
  EXPECT_TRUE(fails_saying("more than 5 values", parse("[1, {\"a\": [2]}]", 5)));
  EXPECT_TRUE(ok(parse(R"(["[,:{\",,", "\\"])", 3))) << "what is in strings is no value";
  std::string zeros = "[0";
  for (std::size_t i = 0; i < kMostValues; ++i) {
    zeros += ",0";
  }
  EXPECT_TRUE(fails_saying("more than 500000 values", parse(zeros + "]")));
  EXPECT_TRUE(fails_saying("more than 500000 values", parse_as_go(zeros + "]")));
}

TEST(JsonParseAsGoTest, MendsWhatIsNotUnicode) {
  const auto text_of = [](const std::string& inside) {
    return std::string(parse_as_go("[\"" + inside + "\"]").value().as_array()[0].as_string());
  };
  EXPECT_EQ(text_of("M\xfcller"), "M\xef\xbf\xbdller");
  EXPECT_EQ(text_of("a\\ud800b"), "a\xef\xbf\xbd"
                                  "b");
  EXPECT_EQ(text_of("\\udc00\\ud83d\\ude00"), "\xef\xbf\xbd\xf0\x9f\x98\x80");
  EXPECT_EQ(text_of("\\\\ud800 \xff"), "\\ud800 \xef\xbf\xbd") << "an escaped backslash";
}

TEST(JsonPrintTest, KeepsKeysInOrderAndIntegersWhole) {
  const std::string text =
      R"({"mtu":1400,"debug":true,"a":[1,{"b":null}],"big":18446744073709551615,"e":{},"l":[]})";
  const auto parsed = parse(text);
  ASSERT_TRUE(ok(parsed));
  EXPECT_EQ(print(*parsed, Style::compact), text);
  EXPECT_EQ(print(*parsed, Style::pretty), R"({
  "mtu": 1400,
  "debug": true,
  "a": [
    1,
    {
      "b": null
    }
  ],
  "big": 18446744073709551615,
  "e": {},
  "l": []
}
)");
}

TEST(JsonPrintTest, EscapesKeysAsWellAsValues) {
  const auto parsed = parse(R"({"a\"\n":"b\\"})");
  ASSERT_TRUE(ok(parsed));
  EXPECT_EQ(print(*parsed, Style::pretty), "{\n  \"a\\\"\\n\": \"b\\\\\"\n}\n");
}

class FieldsTest : public testing::Test {
protected:
  const value document_ = parse(R"({"text": "x", "count": 3, "minus": -3, "part": 1.5, "flag": true,
    "texts": ["a", "b"], "mixed": ["a", 1], "null": null, "object": {"k": 1}})")
                              .value();
  const Fields fields_ = Fields::of(document_).value();
};

TEST_F(FieldsTest, GivesWhatIsThere) {
  EXPECT_EQ(*fields_.text("text"), "x");
  EXPECT_EQ(*fields_.number("count"), 3U);
  EXPECT_EQ(*fields_.integer_or("minus", 0), -3);
  EXPECT_EQ(*fields_.flag_or("flag", false), true);
  EXPECT_EQ(*fields_.texts_or_none("texts"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ((*fields_.list("mixed"))->size(), 2U);
  EXPECT_EQ((*fields_.child("object"))->size(), 1U);
}

TEST_F(FieldsTest, GivesTheFallbackForWhatIsNot) {
  EXPECT_EQ(*fields_.text_or("none", "else"), "else");
  EXPECT_EQ(*fields_.number_or("none", 9), 9U);
  EXPECT_EQ(*fields_.integer_or("none", -9), -9);
  EXPECT_EQ(*fields_.flag_or("none", true), true);
  EXPECT_TRUE(fields_.texts_or_none("none")->empty());
  EXPECT_TRUE(fields_.texts_or_none("null")->empty());
  EXPECT_EQ(*fields_.list_or_none("null"), nullptr);
  EXPECT_EQ(*fields_.child_or_none("none"), nullptr);
}

TEST_F(FieldsTest, NamesWhatIsMissingOrOfTheWrongType) {
  EXPECT_TRUE(fails_saying("\"none\" is missing", fields_.text("none")));
  EXPECT_TRUE(fails_saying("\"count\" is not a string", fields_.text("count")));
  EXPECT_TRUE(fails_saying("\"count\" is not a string", fields_.text_or("count", "")));
  EXPECT_TRUE(fails_saying("\"minus\" is not a whole number", fields_.number("minus")));
  EXPECT_TRUE(fails_saying("\"part\" is not a whole number", fields_.number_or("part", 1)));
  EXPECT_TRUE(fails_saying("\"text\" is not true or false", fields_.flag_or("text", true)));
  EXPECT_TRUE(fails_saying("\"mixed\" is not a list of strings", fields_.texts_or_none("mixed")));
  EXPECT_TRUE(fails_saying("\"object\" is not a list", fields_.list("object")));
  EXPECT_TRUE(fails_saying("\"texts\" is not an object", fields_.child("texts")));
}

TEST(FieldsOfTest, WantsAnObject) {
  EXPECT_TRUE(fails_saying("not a JSON object", Fields::of(parse("[1]").value())));
}

} // namespace
} // namespace dind::json
