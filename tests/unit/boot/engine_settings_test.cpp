#include <boot/engine_settings.hpp>

#include <gtest/gtest.h>

namespace dind::boot {
namespace {

TEST(EngineSettingsTest, LeaveTheMtuToTheUser) {
  config::EngineSettings settings;
  daemon::DaemonFile file;
  file.settings = daemon::parse_daemon_json(R"({"mtu":1300})").value();
  EXPECT_TRUE(engine_settings(settings, {}, file, {}).value().empty());
}

} // namespace
} // namespace dind::boot
