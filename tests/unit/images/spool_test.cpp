#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/layer.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <images/spool.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <thread>

namespace dind::images {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;
using test::pack;
using test::Packing;

class SpoolTest : public testing::Test {
protected:
  Result<Seekable> spool(Fd input) {
    return make_seekable(std::move(input), scratch_.fd(), stop_,
                         [this](std::uint64_t bytes) { told_ = bytes; });
  }
  Fd file_of(const std::string& bytes) {
    return sys::open_path(input_.write("in", bytes), O_RDONLY).value();
  }
  static std::string content(const Seekable& seekable) {
    const auto size = static_cast<std::uint64_t>(sys::stat_of(*seekable.fd)->st_size);
    archive::RangeSource source(*seekable.fd, seekable.start, size - seekable.start);
    return test::read_whole(source).value();
  }

  const test::TempDir scratch_;
  const test::TempDir input_;
  StopFlag stop_{false};
  std::uint64_t told_ = 0;
};

TEST_F(SpoolTest, LeavesAPlainFileWhereItIsAndStartsAtItsOffset) {
  Fd input = file_of("skipped" + std::string(1000, 'x'));
  ASSERT_EQ(::lseek(input.get(), 7, SEEK_SET), 7);
  const auto seekable = spool(std::move(input));
  ASSERT_TRUE(ok(seekable));
  EXPECT_EQ(content(*seekable), std::string(1000, 'x'));
  EXPECT_EQ(told_, 0U) << "nothing was copied";
}

TEST_F(SpoolTest, DecompressesIntoAFileWithoutAName) {
  const std::string bytes(300'000, 'x');
  for (const Packing packing : {Packing::gzip, Packing::zstd}) {
    const auto seekable = spool(file_of(pack(bytes, packing)));
    ASSERT_TRUE(ok(seekable));
    EXPECT_EQ(content(*seekable), bytes);
    EXPECT_EQ(told_, bytes.size());
    EXPECT_TRUE(sys::list_dir(scratch_.fd())->empty());
  }
}

TEST_F(SpoolTest, TakesAPipeIn) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Fd reading(ends[0]);
  std::thread writer([end = ends[1]] {
    const Fd writing(end);
    std::ignore = sys::write_all(writing, std::string(200'000, 'p'));
  });
  const auto seekable = spool(std::move(reading));
  writer.join();
  ASSERT_TRUE(ok(seekable));
  EXPECT_EQ(content(*seekable), std::string(200'000, 'p'));
}

TEST_F(SpoolTest, EndsItsWaitForAPipeWhenToldTo) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd writing(ends[1]);
  stop_ = true;
  EXPECT_TRUE(fails_with(ECANCELED, spool(Fd(ends[0]))));
}

TEST_F(SpoolTest, RefusesWhatHoldsNothing) {
  EXPECT_TRUE(fails_saying("empty", spool(file_of(""))));
  EXPECT_TRUE(fails_saying("directory", spool(sys::open_dir(input_.path()).value())));
}

TEST_F(SpoolTest, RefusesATruncatedStream) {
  const std::string packed = pack(std::string(300'000, 'x'), Packing::gzip);
  const auto cut = spool(file_of(packed.substr(0, packed.size() / 2)));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), 0) << cut.error().describe();
  EXPECT_TRUE(sys::list_dir(scratch_.fd())->empty());
}

} // namespace
} // namespace dind::images
