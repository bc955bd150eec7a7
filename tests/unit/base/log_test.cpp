#include <base/log.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <boost/json/parse.hpp>

#include <errno.h>
#include <unistd.h>

namespace dind::log {
namespace {

using test::fails_saying;

constexpr long long kWhen = 1'700'000'000'000'000'042; // 2023-11-14T22:13:20Z and 42 ns

TEST(LogLineTest, LooksLikeDockerdsOwn) {
  EXPECT_EQ(line(Format::logfmt, Level::warn, "no \"cache\"\nhere\\", kWhen),
            "time=\"2023-11-14T22:13:20.000000042Z\" level=warning "
            "msg=\"no \\\"cache\\\"\\nhere\\\\\"\n");
}

TEST(LogLineTest, IsOneLineWhateverIsInIt) {
  std::string nasty;
  for (int c = 0; c < 256; ++c) {
    nasty += static_cast<char>(c);
  }
  for (const Format format : {Format::logfmt, Format::json}) {
    const std::string text = line(format, Level::info, nasty, kWhen);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
  }
}

TEST(LogLineTest, HasNothingThatATerminalObeys) {
  EXPECT_NE(line(Format::logfmt, Level::warn, "\x1b[2J\x7f \xc2\x9b\xc2\xa0 \x9b", kWhen)
                .find("\"\\u001b[2J\\u007f \\u009b\xc2\xa0 \xef\xbf\xbd\""),
            std::string::npos);
}

TEST(LogLineTest, IsValidJsonInThatFormat) {
  const std::string message = "tab\tquote\" backslash\\ newline\n bell\a umlaut \xc3\xa4";
  boost::json::error_code failure;
  const auto parsed = boost::json::parse(line(Format::json, Level::error, message, kWhen), failure);
  ASSERT_FALSE(failure) << failure.message();
  EXPECT_EQ(parsed.at("msg").as_string(), message);
  EXPECT_EQ(parsed.at("level").as_string(), "error");
  EXPECT_EQ(parsed.at("time").as_string(), "2023-11-14T22:13:20.000000042Z");
}

TEST(LogTest, KnowsItsLevelsAndFormatsByName) {
  EXPECT_EQ(*parse_level("debug"), Level::debug);
  EXPECT_EQ(*parse_level("warn"), Level::warn);
  EXPECT_TRUE(fails_saying("\"loud\" is not one of debug, info, warn, error", parse_level("loud")));
  EXPECT_EQ(*parse_format("json"), Format::json);
  EXPECT_TRUE(fails_saying("\"xml\" is not one of logfmt, json", parse_format("xml")));
}

TEST(LogTest, WritesWhatIsLoudEnoughToStandardErrorAndKeepsErrno) {
  const test::Pipe pipe;
  const pid_t child = test::fork_into([&] {
    ::dup2(pipe.writer.get(), STDERR_FILENO);
    set_level(Level::warn);
    errno = EXDEV;
    info("not this {}", 1);
    warn("but this {}", 2);
    return errno == EXDEV ? 0 : 1;
  });
  EXPECT_EQ(test::exit_code_of(child), 0);
  std::string text(1024, '\0');
  const ssize_t got = ::read(pipe.reader.get(), text.data(), text.size());
  ASSERT_GT(got, 0);
  text.resize(static_cast<std::size_t>(got));
  EXPECT_NE(text.find("level=warning msg=\"but this 2\"\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("not this"), std::string::npos) << text;
}

} // namespace
} // namespace dind::log
