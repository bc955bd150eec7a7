#include <boot/engine_settings.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

const daemon::EngineChoice kGraph = {"overlay2", false, {}};

TEST(StoreWarningTest, NamesTheVariableWhereTheEngineWouldHaveChosenOtherwise) {
  const std::string said = store_warning({}, kGraph, false, "29.0.1");
  EXPECT_NE(said.find("DIND_STORE=containerd"), std::string::npos);
  EXPECT_NE(said.find("overlay2"), std::string::npos);
}

TEST(StoreWarningTest, IsForNobodyElse) {
  Wishes graph;
  graph.store = StoreWish::graph;
  EXPECT_EQ(store_warning({}, kGraph, false, "28.5.2"), "");
  EXPECT_EQ(store_warning({}, kGraph, false, ""), "");
  EXPECT_EQ(store_warning({}, kGraph, true, "29.0.1"), "");
  EXPECT_EQ(store_warning(graph, kGraph, false, "29.0.1"), "");
  EXPECT_EQ(store_warning({}, {}, false, "29.0.1"), "");
}

TEST(EngineSettingsTest, LeaveTheMtuToTheUser) {
  EngineWishes wishes;
  daemon::DaemonFile file;
  file.settings = daemon::parse_daemon_json(R"({"mtu":1300})").value();
  EXPECT_TRUE(engine_settings(wishes, {}, file).empty());
}

} // namespace
} // namespace dind::boot
