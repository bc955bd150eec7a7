#include <boot/engine_settings.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

const daemon::EngineChoice kGraph = {"overlay2", false, {}};

TEST(UnaskedGraphDriverTest, IsOneThatNeitherTheUserNorTheDataRootDecided) {
  EXPECT_EQ(unasked_graph_driver({}, kGraph, {}), "overlay2");
  config::Settings graph;
  graph.store = config::Store::graph;
  EXPECT_EQ(unasked_graph_driver(graph, kGraph, {}), "");
  EXPECT_EQ(unasked_graph_driver({}, kGraph, {{"overlay2"}}), "");
  EXPECT_EQ(unasked_graph_driver({}, {}, {}), "");
}

TEST(EngineSettingsTest, LeaveTheMtuToTheUser) {
  config::EngineSettings settings;
  daemon::DaemonFile file;
  file.settings = daemon::parse_daemon_json(R"({"mtu":1300})").value();
  EXPECT_TRUE(engine_settings(settings, {}, file).empty());
}

} // namespace
} // namespace dind::boot
