#include <daemon/engine_activity.hpp>
#include <support/expect.hpp>

namespace dind::daemon {
namespace {

using test::fails_saying;
using test::ok;

// Cut short from what an engine says.
constexpr const char* kDump = R"(goroutine profile: total 42
1 @ 0x55a5156a07d6 0x55a51566887b
#	0x1	runtime/pprof.writeRuntimeProfile+0xb5	/usr/lib/go-1.19/src/runtime/pprof/pprof.go:710
#	0x2	net/http/pprof.handler.ServeHTTP+0x4a4	/usr/lib/go-1.19/src/net/http/pprof/pprof.go:256
#	0x3	net/http.serverHandler.ServeHTTP+0x30b	/usr/lib/go-1.19/src/net/http/server.go:2947
#	0x4	net/http.(*conn).serve+0x606	/usr/lib/go-1.19/src/net/http/server.go:1991

2 @ 0x55a5156a07d6 0x55a51566887b
#	0x5	github.com/docker/docker/api/server/router/system.(*systemRouter).getEvents+0x6a5	/build/system_routes.go:241
#	0x3	net/http.serverHandler.ServeHTTP+0x30b	/usr/lib/go-1.19/src/net/http/server.go:2947
#	0x4	net/http.(*conn).serve+0x606	/usr/lib/go-1.19/src/net/http/server.go:1991

3 @ 0x55a5156a07d6 0x55a51566887b
#	0x6	github.com/docker/docker/api/server/router/build.(*buildRouter).postBuild+0x6a5	/build/build_routes.go:241
#	0x3	net/http.serverHandler.ServeHTTP+0x30b	/usr/lib/go-1.19/src/net/http/server.go:2947
#	0x4	net/http.(*conn).serve+0x606	/usr/lib/go-1.19/src/net/http/server.go:1991

9 @ 0x55a5156a07d6
#	0x7	net/http.(*connReader).Read+0x606	/usr/lib/go-1.19/src/net/http/server.go:785
#	0x4	net/http.(*conn).serve+0x606	/usr/lib/go-1.19/src/net/http/server.go:1991
)";

TEST(EngineActivityTest, CountsRequestsButThisOneAndListenersAndIdleConnections) {
  EXPECT_EQ(count_requests(kDump), 3U);
  EXPECT_EQ(count_requests(""), 0U);
  EXPECT_EQ(count_requests("goroutine profile: total 0"), 0U);
}

TEST(EngineActivityTest, CountsContainersWithoutTheLabel) {
  const auto count = [](std::string_view ignored) {
    const auto counted = count_containers(R"([
      {"Id": "1", "Labels": {"role": "proxy", "ours": ""}},
      {"Id": "2", "Labels": {"role": "job"}},
      {"Id": "3", "Labels": {}},
      {"Id": "4", "Labels": null}])",
                                          ignored);
    EXPECT_TRUE(ok(counted));
    return counted ? *counted : 99;
  };
  EXPECT_EQ(count(""), 4U);
  EXPECT_EQ(count("ours"), 3U);
  EXPECT_EQ(count("role"), 2U);
  EXPECT_EQ(count("role=job"), 3U);
  EXPECT_EQ(count("role=jo"), 4U);
  EXPECT_TRUE(fails_saying("not a list", count_containers("{}", "")));
}

TEST(EngineActivityTest, SeesEventsButThoseOfContainersWithTheLabel) {
  constexpr const char* kEvents = R"({"Type":"container","Actor":{"Attributes":{"role":"proxy"}}}
{"Type":"container","Actor":{"Attributes":{"role":"proxy","image":"x"}}}
)";
  const auto has = [&](std::string_view body, std::string_view ignored) {
    const auto some = has_events(body, ignored);
    EXPECT_TRUE(ok(some));
    return some && *some;
  };
  EXPECT_FALSE(has("", ""));
  EXPECT_FALSE(has(kEvents, "role=proxy"));
  EXPECT_TRUE(has(kEvents, ""));
  EXPECT_TRUE(has(kEvents, "role=job"));
  EXPECT_TRUE(has(R"({"Type":"network"})", "role"));
}

} // namespace
} // namespace dind::daemon
