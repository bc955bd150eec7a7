#include <seed/receipt.hpp>

#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::seed {
namespace {

using test::number;
using test::ok;
using test::TempDir;

Receipt sample() {
  Receipt receipt{.boot_id = "b-1", .driver = "overlay2"};
  receipt.layers[number(1)] = "link";
  receipt.removing.insert(number(3));
  receipt.images[number(2)] = {"app:1", "app@sha256:x"};
  return receipt;
}

TEST(ReceiptTest, IsReadAsItWasWritten) {
  const TempDir own;
  ASSERT_TRUE(ok(write_receipt(own.fd(), sample())));
  const auto read = read_receipt(own.fd());
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(*read, sample());
}

TEST(ReceiptTest, IsEmptyWhereThereIsNone) {
  const TempDir own;
  const auto read = read_receipt(own.fd());
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(*read, Receipt());
}

// What a power cut, a newer version or a hostile volume leaves.
TEST(ReceiptTest, IsNotBelievedInPart) {
  const std::string good = print_receipt(sample());
  for (const std::string& text :
       {std::string(), good.substr(0, good.size() / 2), std::string(good.size(), '\0'),
        std::string("{}"), std::string(R"({"version": 2})"),
        std::string(
            R"({"version":1,"boot_id":"b","driver":"d","layers":{"../x":"link"},"images":{}})"),
        std::string(R"({"version":1,"boot_id":"b","driver":"d","layers":[],"images":{}})")}) {
    const TempDir own;
    own.write(kReceiptName, text);
    const auto read = read_receipt(own.fd());
    ASSERT_TRUE(ok(read)) << text;
    EXPECT_EQ(*read, Receipt()) << text;
  }
}

} // namespace
} // namespace dind::seed
