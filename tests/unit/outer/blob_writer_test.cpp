#include <outer/blob_writer.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>

#include <gtest/gtest.h>

namespace dind::outer {
namespace {

using test::fails_with;
using test::ok;
using test::TempDir;

// Terabytes of zeros may be written for a few bytes that were read.
TEST(LayerBlobWriterTest, EndsWhereItIsToldTo) {
  const TempDir dir;
  StopFlag stop{false};
  {
    const auto blob = LayerBlobWriter::create(dir.fd(), nullptr, stop).value();
    EXPECT_TRUE(ok(blob->write_text("zeros")));
    stop = true;
    EXPECT_TRUE(fails_with(ECANCELED, blob->write_text("zeros")));
  }
  EXPECT_TRUE(sys::list_dir(dir.fd()).value().empty());
}

} // namespace
} // namespace dind::outer
