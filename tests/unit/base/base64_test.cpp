#include <base/base64.hpp>
#include <support/expect.hpp>

#include <utility>

namespace dind {
namespace {

TEST(Base64Test, GivesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(base64_encode(plain), encoded);
    const auto decoded = base64_decode(encoded);
    ASSERT_TRUE(test::ok(decoded));
    EXPECT_EQ(*decoded, plain);
  }
}

TEST(Base64Test, BringsBackEveryByteAtEveryPlace) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    bytes += static_cast<char>(i * 7);
    EXPECT_EQ(base64_decode(base64_encode(bytes)).value(), bytes);
  }
}

TEST(Base64Test, RefusesWhatNoEncoderWrites) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zm9v=", "=Zg=", "Zg==Zg==", "Z===", "====", "Zm9v\n",
                           "Zm 9", "Zm-_", "Zg=a"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

} // namespace
} // namespace dind
