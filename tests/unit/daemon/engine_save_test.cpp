#include <daemon/engine_api.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <support/unix_server.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using namespace std::chrono_literals;
using test::fails_saying;
using test::fails_with;
using test::ok;
using test::UnixServer;

const std::function<bool()> kGoOn = []() { return false; };

class EngineSaveTest : public testing::Test {
protected:
  BodyWriter into_text() {
    return [this](std::span<const std::byte> bytes) -> Result<void> {
      text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return {};
    };
  }

  test::TempDir run_;
  std::string text_;
};

TEST_F(EngineSaveTest, HandsOnAChunkedArchive) {
  const std::string half(100'000, 'x');
  UnixServer server(run_ / "sock",
                    fmt::format("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "{0:x}\r\n{1}\r\n{0:x}\r\n{1}\r\n0\r\n\r\n",
                                half.size(), half));
  EXPECT_TRUE(ok(EngineApi(server.path()).save("a/b:1", into_text(), kGoOn)));
  EXPECT_TRUE(text_ == half + half);
  const std::string request = server.request();
  EXPECT_TRUE(request.starts_with("GET /images/get?names=a%2Fb%3A1 HTTP/1.1\r\n")) << request;
}

TEST_F(EngineSaveTest, TellsTheEnginesOwnWords) {
  UnixServer server(run_ / "sock", "HTTP/1.1 404 Not Found\r\nContent-Length: 33\r\n\r\n"
                                   R"({"message":"no such image: a:1"}
)");
  EXPECT_TRUE(
      fails_saying("no such image: a:1", EngineApi(server.path()).save("a:1", into_text(), kGoOn)));
  EXPECT_EQ(text_, "");
}

TEST_F(EngineSaveTest, EndsWithTheErrorOfWhoeverTakesTheArchive) {
  UnixServer server(run_ / "sock", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd");
  const BodyWriter full = [](std::span<const std::byte>) -> Result<void> {
    return Error("write", ENOSPC);
  };
  EXPECT_TRUE(fails_with(ENOSPC, EngineApi(server.path()).save("a", full, kGoOn)));
}

TEST_F(EngineSaveTest, ACutArchiveIsAnError) {
  UnixServer server(run_ / "sock", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcd");
  EXPECT_FALSE(EngineApi(server.path()).save("a", into_text(), kGoOn));
}

TEST_F(EngineSaveTest, EndsWhenItIsNotWantedAnyMore) {
  UnixServer server(run_ / "sock", UnixServer::kSilent);
  EXPECT_TRUE(fails_with(ECANCELED,
                         EngineApi(server.path()).save("a", into_text(), []() { return true; })));
}

TEST(DockerHostTest, NamesAUnixSocket) {
  EXPECT_EQ(parse_docker_host("").value(), kDefaultApiSocket);
  EXPECT_EQ(parse_docker_host("unix:///run/x.sock").value(), "/run/x.sock");
  for (const char* const other : {"tcp://a:2375", "ssh://a", "unix://", "/run/x.sock"}) {
    EXPECT_TRUE(fails_saying("only an engine on a unix socket", parse_docker_host(other))) << other;
  }
}

} // namespace
} // namespace dind::daemon
