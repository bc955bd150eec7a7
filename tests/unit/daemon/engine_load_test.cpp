#include <daemon/engine_api.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <support/unix_server.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace dind::daemon {
namespace {

using namespace std::chrono_literals;
using test::fails_saying;
using test::fails_with;
using test::ok;
using test::response;
using test::UnixServer;

const std::function<bool()> kNever = []() { return false; };

// Hands out `bytes` of 'a', a hundred thousand at a time, and then `end`.
BodyReader archive_of(std::size_t bytes, Result<std::size_t> end = std::size_t{0},
                      std::chrono::milliseconds pause = 0ms) {
  return [=, left = bytes](std::span<std::byte> into) mutable -> Result<std::size_t> {
    std::this_thread::sleep_for(pause);
    if (left == 0) {
      return end;
    }
    const std::size_t count = std::min({left, into.size(), std::size_t{100'000}});
    std::memset(into.data(), 'a', count);
    left -= count;
    return count;
  };
}

class EngineLoadTest : public testing::Test {
protected:
  UnixServer serve(std::string answer) const {
    return UnixServer(run_ / "sock", std::move(answer), UnixServer::kEndOfChunks);
  }
  EngineApi engine(std::chrono::milliseconds timeout = 5s) const {
    return EngineApi(run_ / "sock", timeout);
  }

  test::TempDir run_;
};

TEST_F(EngineLoadTest, SendsTheWholeArchiveInOneRequest) {
  UnixServer server = serve(response("200 OK", "{\"stream\":\"Loaded image: a:1\\n\"}\r\n"));
  EXPECT_TRUE(ok(engine().load(archive_of(1'234'567), kNever)));
  const std::string request = server.request();
  EXPECT_TRUE(request.starts_with("POST /images/load?quiet=1 HTTP/1.1\r\n"))
      << request.substr(0, 80);
  EXPECT_NE(request.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_NE(request.find("Host: docker\r\n"), std::string::npos);
  const auto body = request.begin() + static_cast<std::ptrdiff_t>(request.find("\r\n\r\n"));
  // Sizes of chunks are hexadecimal: 100000 is 186a0, and 34567 is 8707.
  EXPECT_EQ(std::count(body, request.end(), 'a'), 1'234'567 + 12);
  EXPECT_TRUE(request.ends_with("\r\n0\r\n\r\n"));
}

TEST_F(EngineLoadTest, FindsAFailureAmongTheLinesOfASuccess) {
  UnixServer server = serve(response(
      "200 OK", "{\"stream\":\"x\"}\r\n\r\n"
                "{\"errorDetail\":{\"message\":\"no space\"},\"error\":\"no space\"}\r\n"));
  EXPECT_TRUE(fails_saying("no space", engine().load(archive_of(10), kNever)));
}

TEST_F(EngineLoadTest, KnowsAFailureByItsDetailAlone) {
  UnixServer server = serve(response("200 OK", R"({"errorDetail":{"message":"bad layer"}})"));
  EXPECT_TRUE(fails_saying("bad layer", engine().load(archive_of(10), kNever)));
}

TEST_F(EngineLoadTest, TellsWhatTheEngineSaysOfARefusal) {
  UnixServer server = serve(response("500 Internal Server Error", R"({"message":"unpigz"})"));
  EXPECT_TRUE(fails_saying("status 500: unpigz", engine().load(archive_of(10), kNever)));
}

TEST_F(EngineLoadTest, TellsWhatAnEngineSaysThatDoesNotReadToTheEnd) {
  UnixServer server(run_ / "sock", response("400 Bad Request", R"({"message":"go away"})"));
  EXPECT_TRUE(fails_saying("status 400: go away", engine().load(archive_of(50'000'000), kNever)));
}

TEST_F(EngineLoadTest, CutsTheStreamOfAnArchiveThatFails) {
  UnixServer server = serve(response("200 OK", ""));
  EXPECT_TRUE(
      fails_saying("bad hash", engine().load(archive_of(500'000, Error("bad hash")), kNever)));
  const std::string request = server.request();
  EXPECT_GT(request.size(), 500'000U);
  EXPECT_EQ(request.find(UnixServer::kEndOfChunks), std::string::npos);
}

TEST_F(EngineLoadTest, EndsSoonAfterItIsToldToWhateverTheEngineDoes) {
  UnixServer server(run_ / "sock", UnixServer::kSilent);
  const auto start = std::chrono::steady_clock::now();
  const auto told = [&]() { return std::chrono::steady_clock::now() > start + 150ms; };
  EXPECT_TRUE(fails_with(ECANCELED, engine(1h).load(archive_of(10), told)));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST_F(EngineLoadTest, DoesNotWaitForeverForASilentEngine) {
  UnixServer server(run_ / "sock", UnixServer::kSilent);
  EXPECT_TRUE(fails_with(ETIMEDOUT, engine(50ms).load(archive_of(10), kNever)));
}

TEST_F(EngineLoadTest, TakesAsLongInAllAsItNeeds) {
  UnixServer server = serve(response("200 OK", ""));
  EXPECT_TRUE(ok(engine(200ms).load(archive_of(1'000'000, std::size_t{0}, 60ms), kNever)));
}

TEST_F(EngineLoadTest, KnowsASocketThatNobodyServes) {
  EXPECT_TRUE(fails_with(ENOENT, engine().load(archive_of(10), kNever)));
}

TEST_F(EngineLoadTest, TellsTheContainerdStoreFromGraphDrivers) {
  UnixServer graph(run_ / "graph",
                   response("200 OK", R"({"DriverStatus":[["Backing Filesystem","extfs"]]})"));
  EXPECT_EQ(EngineApi(graph.path()).storage().value().containerd_store, false);
  UnixServer store(
      run_ / "store",
      response("200 OK", R"({"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]})"));
  EXPECT_EQ(EngineApi(store.path()).storage().value().containerd_store, true);
  UnixServer null(run_ / "null", response("200 OK", R"({"DriverStatus":null})"));
  EXPECT_EQ(EngineApi(null.path()).storage().value().containerd_store, false);
}

} // namespace
} // namespace dind::daemon
