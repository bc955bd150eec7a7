#include <seed/receipt.hpp>

#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

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

// A fifo would hang its reader.
TEST(ReceiptTest, IsEmptyWhereSomethingElseHasItsName) {
  const std::string name = kReceiptName;
  for (const mode_t type : std::initializer_list<mode_t>{S_IFIFO, S_IFLNK, S_IFREG, S_IFDIR}) {
    const TempDir own;
    own.write("other", print_receipt(sample()));
    if (type == S_IFLNK) {
      ASSERT_TRUE(ok(sys::symlink_at("other", {own.fd(), name})));
    } else if (type == S_IFDIR) {
      own.make_dir(name + "/inside");
    } else {
      ASSERT_TRUE(ok(sys::make_node_at({own.fd(), name}, type | 0600, 0)));
      if (type == S_IFREG) {
        ASSERT_EQ(::truncate((own / name).c_str(), off_t{1} << 40), 0);
      }
    }
    const auto read = read_receipt(own.fd());
    ASSERT_TRUE(ok(read)) << type;
    EXPECT_EQ(*read, Receipt()) << type;
    ASSERT_TRUE(ok(write_receipt(own.fd(), sample()))) << type;
    EXPECT_EQ(read_receipt(own.fd()).value(), sample()) << type;
  }
}

} // namespace
} // namespace dind::seed
