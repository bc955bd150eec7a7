#include <daemon/engine_api.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <support/unix_server.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;
using test::response;
using test::UnixServer;

TEST(EngineApiTest, PingsWithOneRequest) {
  const test::TempDir run;
  UnixServer server(run / "sock", response("200 OK", "OK"));
  EXPECT_TRUE(ok(EngineApi(server.path()).ping()));
  const std::string request = server.request();
  EXPECT_TRUE(request.starts_with("GET /_ping HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Host: docker\r\n"), std::string::npos) << request;
}

TEST(EngineApiTest, ReadsTheVersion) {
  const test::TempDir run;
  UnixServer server(run / "sock",
                    response("200 OK", R"({"Version":"28.5.2","ApiVersion":"1.51"})"));
  const auto version = EngineApi(server.path()).version();
  ASSERT_TRUE(ok(version));
  EXPECT_EQ(*version, "28.5.2");
}

TEST(EngineApiTest, ReadsTheDriver) {
  const test::TempDir run;
  UnixServer server(run / "sock", response("200 OK", R"({"Driver":"overlay2"})"));
  const auto storage = EngineApi(server.path()).storage();
  ASSERT_TRUE(ok(storage));
  EXPECT_EQ(storage->driver, "overlay2");
}

TEST(EngineApiTest, ReadsAChunkedListOfImages) {
  const test::TempDir run;
  const std::string body =
      R"([{"Id":"sha256:aa","RepoTags":["a:1","a:2"],"RepoDigests":["a@sha256:bb"]},)"
      R"({"Id":"sha256:cc","RepoTags":["<none>:<none>"],"RepoDigests":null}])";
  UnixServer server(run / "sock",
                    fmt::format("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "{:x}\r\n{}\r\n0\r\n\r\n",
                                body.size(), body));
  const auto images = EngineApi(server.path()).images();
  ASSERT_TRUE(ok(images));
  ASSERT_EQ(images->size(), 2U);
  EXPECT_EQ(images->at(0).id, "sha256:aa");
  EXPECT_EQ(images->at(0).names, (std::vector<std::string>{"a:1", "a:2"}));
  EXPECT_EQ(images->at(0).digests, std::vector<std::string>{"a@sha256:bb"});
  EXPECT_TRUE(images->at(1).names.empty());
}

TEST(EngineApiTest, TellsWhatTheEngineSaysOfARefusal) {
  const test::TempDir run;
  UnixServer server(run / "sock", response("503 Service Unavailable", R"({"message":"starting"})"));
  EXPECT_TRUE(fails_saying("status 503: starting", EngineApi(server.path()).ping()));
}

TEST(EngineApiTest, RefusesWhatIsNoAnswer) {
  const test::TempDir run;
  UnixServer garbage(run / "garbage", "no HTTP at all\r\n\r\n");
  EXPECT_FALSE(EngineApi(garbage.path()).ping());
  UnixServer cut(run / "cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  EXPECT_FALSE(EngineApi(cut.path()).version());
  UnixServer list(run / "list", response("200 OK", "{}"));
  EXPECT_TRUE(fails_saying("not a list", EngineApi(list.path()).images()));
}

TEST(EngineApiTest, RefusesABodyWithoutBounds) {
  const test::TempDir run;
  UnixServer server(run / "sock", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n[");
  EXPECT_TRUE(fails_with(EMSGSIZE, EngineApi(server.path()).images()));
}

TEST(EngineApiTest, DoesNotWaitForeverForASilentEngine) {
  const test::TempDir run;
  UnixServer server(run / "sock", UnixServer::kSilent);
  EXPECT_TRUE(
      fails_with(ETIMEDOUT, EngineApi(server.path(), std::chrono::milliseconds(50)).ping()));
}

TEST(EngineApiTest, KnowsASocketThatNobodyServes) {
  const test::TempDir run;
  EXPECT_TRUE(fails_with(ENOENT, EngineApi(run / "none").ping()));
  { UnixServer server(run / "sock", ""); }
  EXPECT_TRUE(fails_with(ECONNREFUSED, EngineApi(run / "sock").ping()));
  EXPECT_FALSE(EngineApi(run / std::string(200, 'x')).ping());
}

} // namespace
} // namespace dind::daemon
