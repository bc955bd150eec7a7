#include <base/digest.hpp>
#include <support/expect.hpp>

namespace dind {
namespace {

using test::ok;

const std::string kHex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(DigestTest, KeepsWhatItParsed) {
  const auto digest = Digest::parse("sha256:" + kHex);
  ASSERT_TRUE(ok(digest));
  EXPECT_EQ(digest->hex(), kHex);
  EXPECT_EQ(digest->text(), "sha256:" + kHex);
  EXPECT_EQ(digest->short_hex(), "0123456789ab");
  EXPECT_EQ(*digest, *Digest::from_hex(kHex));
}

TEST(DigestTest, RefusesWhatIsNotExactlyADigest) {
  const std::string refused[] = {
      "",
      kHex,
      "sha256:",
      "sha256:" + kHex.substr(1),
      "sha256:" + kHex + "0",
      "sha512:" + kHex,
      "SHA256:" + kHex,
      "sha256:" + kHex.substr(1) + "A",
      "sha256:" + kHex.substr(1) + "g",
      "sha256:../../../../../../../../../../../../../../../../../../../../etc/passwd",
      "sha256:" + kHex.substr(1) + "/",
      "sha256:" + kHex.substr(1) + '\0',
      " sha256:" + kHex,
      "sha256:" + kHex + "\n",
  };
  for (const std::string& text : refused) {
    EXPECT_FALSE(Digest::parse(text)) << text;
  }
}

TEST(DigestTest, QuotesABoundedPieceOfWhatItRefuses) {
  const auto refused = Digest::parse(std::string(1'000'000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_LT(refused.error().describe().size(), 200U);
}

} // namespace
} // namespace dind
