#include <images/patient_pipe.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

namespace dind::images {
namespace {

using test::fails_with;
using test::ok;

class PatientPipeTest : public testing::Test {
protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader_ = Fd(ends[0]);
    writer_ = Fd(ends[1]);
  }

  Fd reader_;
  Fd writer_;
  StopFlag stop_{false};
  const std::string much_ = std::string(std::size_t{1} << 20U, 'x'); // more than a pipe takes
};

TEST_F(PatientPipeTest, HandsOnAllThatIsWritten) {
  std::string got;
  std::thread reading([&] {
    PatientSource source(reader_, stop_);
    std::array<std::byte, 5000> piece{};
    for (;;) {
      const std::size_t count = source.read(piece).value();
      if (count == 0) {
        return;
      }
      got.append(reinterpret_cast<const char*>(piece.data()), count);
    }
  });
  EXPECT_TRUE(ok(PatientSink(writer_, stop_).write_text(much_)));
  writer_ = Fd();
  reading.join();
  EXPECT_EQ(got, much_);
}

TEST_F(PatientPipeTest, StopsAWriteThatNobodyReads) {
  std::thread stopping([&] {
    std::array<char, 1> first{};
    EXPECT_EQ(::read(reader_.get(), first.data(), 1), 1); // it is under way
    stop_ = true;
  });
  EXPECT_TRUE(fails_with(ECANCELED, PatientSink(writer_, stop_).write_text(much_)));
  stopping.join();
}

TEST_F(PatientPipeTest, SaysThatTheReaderHasGone) {
  ::signal(SIGPIPE, SIG_IGN);
  reader_ = Fd();
  EXPECT_TRUE(fails_with(EPIPE, PatientSink(writer_, stop_).write_text(much_)));
  ::signal(SIGPIPE, SIG_DFL);
}

} // namespace
} // namespace dind::images
