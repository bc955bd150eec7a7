#include <bake/progress.hpp>
#include <base/readable.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace dind::bake {
namespace {

using namespace std::chrono_literals;

TEST(ProgressTest, SaysSizesAsDockerDoes) {
  EXPECT_EQ(readable_size(0), "0 B");
  EXPECT_EQ(readable_size(999), "999 B");
  EXPECT_EQ(readable_size(1000), "1.0 kB");
  EXPECT_EQ(readable_size(999'949), "999.9 kB");
  EXPECT_EQ(readable_size(999'950), "1.0 MB");
  EXPECT_EQ(readable_size(681'574'400), "681.6 MB");
  EXPECT_EQ(readable_size(5'000'000'000'000'000), "5000.0 TB");
}

TEST(ProgressTest, SaysTimesInTwoUnitsAtMost) {
  EXPECT_EQ(readable_time(0s), "0 s");
  EXPECT_EQ(readable_time(59s), "59 s");
  EXPECT_EQ(readable_time(185s), "3 min 05 s");
  EXPECT_EQ(readable_time(7800s), "2 h 10 min");
}

TEST(ProgressTest, DrawsABarInEightyColumns) {
  const std::vector<std::string> pieces = {"layers:  45 %", "681.6 MB of 1234.5 MB", "123.4 MB/s",
                                           "12 min 05 s left"};
  const std::string line = draw_line(pieces, 0.45, 80);
  EXPECT_EQ(line,
            "[####......] layers:  45 %  681.6 MB of 1234.5 MB  123.4 MB/s  12 min 05 s left");
  EXPECT_EQ(line.size(), 79U);
  EXPECT_EQ(draw_line({"base: 100 %"}, 1.0, 200), "[########################] base: 100 %");
}

TEST(ProgressTest, LeavesOutWhatDoesNotFit) {
  const std::vector<std::string> pieces = {"layers:  45 %", "6.6 MB of 10.0 MB", "1.0 MB/s"};
  EXPECT_EQ(draw_line(pieces, 0.5, 54), "[####....] layers:  45 %  6.6 MB of 10.0 MB  1.0 MB/s");
  EXPECT_EQ(draw_line(pieces, 0.5, 50), "layers:  45 %  6.6 MB of 10.0 MB  1.0 MB/s");
  EXPECT_EQ(draw_line(pieces, 0.5, 42), "[###...] layers:  45 %  6.6 MB of 10.0 MB");
  EXPECT_EQ(draw_line(pieces, 0.5, 20), "layers:  45 %");
  EXPECT_EQ(draw_line(pieces, 0.5, 8), "layers:");
  EXPECT_EQ(draw_line(pieces, 0.5, 0), "");
  EXPECT_EQ(draw_line({"reading: 5 B", "1 B/s"}, std::nullopt, 80), "reading: 5 B  1 B/s");
}

/// Writes T for the number after each `mark`: times are of the machine.
std::string with_times_hidden(std::string text, std::string_view mark) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    at += mark.size();
    const std::size_t end = std::min(text.find_first_not_of("0123456789.eE+-", at), text.size());
    text.replace(at, end - at, "T");
  }
  return text;
}

class ProgressOutputTest : public testing::Test {
protected:
  std::string output_of(ProgressStyle style) {
    const Fd file = sys::open_path(dir_.path() / "out", O_WRONLY | O_CREAT | O_TRUNC, 0600).value();
    Progress progress(style, file.get());
    progress.begin("first", 100);
    progress.add(60);
    progress.begin("second", 2000);
    progress.add(2000);
    progress.say("a:1 is done");
    progress.done();
    progress.finish();
    return with_times_hidden(with_times_hidden(dir_.read("out"), "B in "), "\"seconds\":");
  }
  const test::TempDir dir_;
};

TEST_F(ProgressOutputTest, IsPlainLinesWhereThereIsNoTerminal) {
  const std::string expected = "first: 60 B in T s\na:1 is done\nsecond: 2.0 kB in T s\n";
  EXPECT_EQ(output_of(ProgressStyle::automatic), expected);
  EXPECT_EQ(output_of(ProgressStyle::plain), expected);
}

TEST_F(ProgressOutputTest, IsAnObjectALineForPrograms) {
  EXPECT_EQ(
      output_of(ProgressStyle::json),
      "{\"stage\":\"first\",\"bytes\":60,\"bytes_in_all\":100,\"seconds\":T,\"done\":true}\n"
      "{\"message\":\"a:1 is done\"}\n"
      "{\"stage\":\"second\",\"bytes\":2000,\"bytes_in_all\":2000,\"seconds\":T,\"done\":true}\n");
}

TEST_F(ProgressOutputTest, IsNothingIfNoneIsWanted) {
  EXPECT_EQ(output_of(ProgressStyle::none), "");
}

} // namespace
} // namespace dind::bake
