#include <report/metrics.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace dind::report {
namespace {

Status some_status() {
  Status status;
  status.dind_init = "0.1.0";
  status.state = State::ready;
  status.restarts = 2;
  status.images = 4;
  status.layers_by_method = {{"link", 29}};
  status.bytes_by_method = {{"link", 681574400}};
  status.phases = {{"seed", 3.0, 12.5}};
  return status;
}

TEST(MetricsTest, TellOfReadinessRestartsPhasesAndBytes) {
  const std::string text = print_metrics(some_status());
  for (const char* line :
       {"dind_build_info{version=\"0.1.0\"} 1\n", "dind_ready 1\n",
        "dind_state{state=\"ready\"} 1\n", "dind_state{state=\"draining\"} 0\n",
        "dind_restarts_total 2\n", "dind_images 4\n", "dind_layers{method=\"link\"} 29\n",
        "dind_layer_bytes{method=\"link\"} 681574400\n",
        "dind_phase_duration_seconds{phase=\"seed\"} 0.0125\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(MetricsTest, TellOfTheRegistryWhereThereIsOne) {
  Status status = some_status();
  EXPECT_EQ(print_metrics(status).find("dind_registry"), std::string::npos);
  status.registry = {.hits = 3, .misses = 4};
  const std::string text = print_metrics(status);
  EXPECT_NE(text.find("\ndind_registry_hits_total 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\ndind_registry_misses_total 4\n"), std::string::npos) << text;
}

TEST(MetricsTest, AreWhatPrometheusReads) {
  const auto sample = testing::MatchesRegex(R"([a-z_]+(\{[a-z]+="[a-z0-9.]+"\})? [0-9.e+-]+)");
  std::istringstream lines(print_metrics(some_status()));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.starts_with("# HELP ") || line.starts_with("# TYPE ") ||
                testing::Matches(sample)(line))
        << line;
  }
}

} // namespace
} // namespace dind::report
