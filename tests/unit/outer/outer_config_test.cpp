#include <outer/outer_config.hpp>

#include <archive/sha256.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::outer {
namespace {

using test::fails_saying;
using test::ok;

constexpr const char* kBaseConfig =
    R"({"architecture":"amd64","os":"linux","created":"2026-01-02T03:04:05Z","config":{"Env":["PATH=/bin"],)"
    R"("Entrypoint":["dockerd-entrypoint.sh"],"Cmd":["x"],"Volumes":{"/var/lib/docker":{},"/data":{}},)"
    R"("ExposedPorts":{"2375/tcp":{}},"Labels":{"a":"b"}},"history":[{"created_by":"one"},)"
    R"({"created_by":"none","empty_layer":true}],"rootfs":{"type":"layers","diff_ids":["sha256:0"]}})";

OuterChanges changes() {
  OuterChanges made;
  made.layers = {{archive::sha256_of("l"), "layer l"}};
  made.labels = {{"c", "d"}};
  return made;
}

TEST(OuterConfigTest, KeepsTheBaseAndAddsOurs) {
  const auto made = make_outer_config(kBaseConfig, changes());
  ASSERT_TRUE(ok(made));
  EXPECT_EQ(
      *made,
      R"({"architecture":"amd64","os":"linux","created":"2026-01-02T03:04:05Z","config":{"Env":["PATH=/bin"],)"
      R"("Entrypoint":["dind-init"],"Cmd":[],"Volumes":{"/var/lib/docker":{},"/data":{}},)"
      R"("ExposedPorts":{"2375/tcp":{}},"Labels":{"a":"b","c":"d"}},"history":[{"created_by":"one"},)"
      R"({"created_by":"none","empty_layer":true},{"created":"2026-01-02T03:04:05Z","created_by":"layer l"}],)"
      R"("rootfs":{"type":"layers","diff_ids":["sha256:0",")" +
          archive::sha256_of("l").text() + R"("]}})");
}

TEST(OuterConfigTest, KeepsTheArgumentsOfABaseThatIsOursAlready) {
  const auto made = make_outer_config(
      R"({"config":{"Entrypoint":["dind-init"],"Cmd":["--debug"]},"rootfs":{"diff_ids":[]}})",
      changes());
  ASSERT_TRUE(ok(made));
  EXPECT_NE(made->find(R"("Cmd":["--debug"])"), std::string::npos);
}

TEST(OuterConfigTest, LeavesAHistoryAloneThatDoesNotTellOfEveryLayer) {
  const auto made =
      make_outer_config(R"({"history":[],"rootfs":{"diff_ids":["sha256:0"]}})", changes());
  ASSERT_TRUE(ok(made));
  EXPECT_NE(made->find(R"("history":[])"), std::string::npos);
}

TEST(OuterConfigTest, NamesACacheThatIsElsewhere) {
  OuterChanges elsewhere = changes();
  elsewhere.place = "/opt/cache";
  elsewhere.created = "1970-01-01T00:00:00Z";
  const auto made = make_outer_config(kBaseConfig, elsewhere);
  ASSERT_TRUE(ok(made));
  EXPECT_NE(made->find(R"("Env":["PATH=/bin","DIND_CACHE_DIR=/opt/cache"])"), std::string::npos);
  EXPECT_NE(made->find(R"("created":"1970-01-01T00:00:00Z","config")"), std::string::npos);
}

TEST(OuterConfigTest, RefusesACacheBelowAVolumeOfTheBase) {
  EXPECT_TRUE(ok(check_volumes(kBaseConfig, "/var/lib/dind-cache")));
  EXPECT_TRUE(ok(check_volumes(kBaseConfig, "/database")));
  EXPECT_TRUE(fails_saying("/data/cache is in /data, a VOLUME of the base",
                           check_volumes(kBaseConfig, "/data/cache")));
  EXPECT_TRUE(fails_saying("VOLUME", check_volumes(kBaseConfig, "/data")));
  EXPECT_TRUE(fails_saying("VOLUME", check_volumes("{}", "/var/lib/docker/cache")));
  EXPECT_TRUE(ok(check_volumes(R"({"config":{"Volumes":null}})", "/data")));
}

TEST(OuterConfigTest, KnowsAVolumeHoweverItIsSpelled) {
  for (const char* const volume : {"/data/", "/data/.", "//data", "data", "/x/../data//"}) {
    const std::string base = std::string(R"({"config":{"Volumes":{")") + volume + R"(":{}}}})";
    EXPECT_TRUE(
        fails_saying("/data/cache is in /data, a VOLUME", check_volumes(base, "/data/cache")))
        << volume;
    EXPECT_TRUE(ok(check_volumes(base, "/database"))) << volume;
  }
  EXPECT_TRUE(fails_saying("VOLUME", check_volumes(R"({"config":{"Volumes":{"/":{}}}})", "/data")));
}

TEST(OuterConfigTest, RefusesAVolumeThatWouldHideAPartOfTheCache) {
  const char* const base = R"({"config":{"Volumes":{"/var/lib/dind-cache/layer/":{}}}})";
  EXPECT_TRUE(fails_saying("/var/lib/dind-cache/layer, a VOLUME of the base, is in",
                           check_volumes(base, "/var/lib/dind-cache")));
  EXPECT_TRUE(ok(check_volumes(base, "/var/lib/dind-cach")));
}

TEST(OuterConfigTest, RefusesACacheWhereEveryContainerHasAMount) {
  for (const char* const place :
       {"/proc/cache", "/sys/cache", "/dev/shm/cache", "/run", "/run/cache"}) {
    EXPECT_TRUE(fails_saying("mounted over in every container", check_volumes("{}", place)))
        << place;
  }
  EXPECT_TRUE(ok(check_volumes("{}", "/running/cache")));
}

TEST(OuterConfigTest, ReadsSourceDateEpoch) {
  EXPECT_EQ(parse_source_date("1700000000").value(), "2023-11-14T22:13:20Z");
  EXPECT_EQ(parse_source_date("0").value(), "1970-01-01T00:00:00Z");
  for (const char* const wrong : {"", "-1", "1.5", "now", "999999999999999"}) {
    EXPECT_TRUE(fails_saying("give seconds since 1970", parse_source_date(wrong))) << wrong;
  }
}

} // namespace
} // namespace dind::outer
