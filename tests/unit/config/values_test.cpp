#include <config/values.hpp>

#include <gtest/gtest.h>

namespace dind::config {
namespace {

TEST(SizeTest, IsANumberOfBytesWithOrWithoutAUnit) {
  struct Row {
    const char* text;
    std::optional<std::uint64_t> bytes;
  };
  const Row rows[] = {
      {"0", 0U},
      {"4096", 4096U},
      {"4096b", 4096U},
      {"1k", 1024U},
      {"512M", 512ULL << 20U},
      {"20g", 20ULL << 30U},
      {"20GB", 20ULL << 30U},
      {"10GiB", 10ULL << 30U},
      {"20Gi", 20ULL << 30U},
      {"512Mi", 512ULL << 20U},
      {"1i", std::nullopt},
      {"2t", 2ULL << 40U},
      {"", std::nullopt},
      {"g", std::nullopt},
      {"-1", std::nullopt},
      {"1.5g", std::nullopt},
      {"1gg", std::nullopt},
      {"1ib", std::nullopt},
      {"5 g", std::nullopt},
      {"1x", std::nullopt},
      {"99999999999999t", std::nullopt},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(parse_size(row.text), row.bytes) << row.text;
  }
}

TEST(NumberTest, HasNothingAroundIt) {
  EXPECT_EQ(parse_number("42"), 42U);
  for (const char* text : {"", " 1", "1 ", "+1", "1s", "0x10", "99999999999999999999"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(SplitTest, LeavesEmptyPartsOut) {
  EXPECT_EQ(split("a,, b,", ", "), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(split(":", ":").empty());
}

TEST(WithoutPasswordsTest, KeepsAllButPasswords) {
  EXPECT_EQ(without_passwords("https://user:hunter2@mirror.example/x, http://b:p@c"),
            "https://user:***@mirror.example/x, http://b:***@c");
  EXPECT_EQ(without_passwords("https://user:a:b@c/d@e"), "https://user:***@e");
  for (const char* text :
       {"", "plain", "https://mirror:5000/x", "https://user@mirror", "://", "a@b:c"}) {
    EXPECT_EQ(without_passwords(text), text);
  }
}

} // namespace
} // namespace dind::config
