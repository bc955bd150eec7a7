#include <report/status.hpp>

#include <base/json.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <report/status_board.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::report {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;

Status full_status() {
  Status status;
  status.dind_init = "0.1.0";
  status.boot_id = "b-o-o-t";
  status.pid = 1;
  status.start_ticks = 42;
  status.state = State::ready;
  status.state_since_ms = 412.3;
  status.restarts = 1;
  status.result = Outcome::degraded;
  status.engine = "28.5.2";
  status.store = "graph";
  status.driver = "overlay2";
  status.strategy = "link";
  status.reason = "an overlay can be mounted";
  status.images = 4;
  status.images_missing = {"alpine:3"};
  status.images_there = {"node:22"};
  status.layers = 31;
  status.layers_by_method = {{"link", 29}, {"copy", 2}};
  status.bytes = 681574400;
  status.bytes_by_method = {{"link", 681574400}};
  status.bytes_written = 180224;
  status.files_written = 310;
  status.warnings = {"mind the gap"};
  status.registry = {.hits = 3, .misses = 4};
  status.api = "/var/run/docker.sock";
  status.phases = {{"options", 0.12, 0.25}, {"seed", 3.0, 12.0}};
  return status;
}

TEST(StatusTest, IsPrintedWithTheDocumentedMembers) {
  EXPECT_EQ(print_status(full_status()), R"({
  "version": 1,
  "dind_init": "0.1.0",
  "boot_id": "b-o-o-t",
  "pid": 1,
  "start_ticks": 42,
  "state": "ready",
  "state_since_ms": 412.3,
  "state_reason": "",
  "restarts": 1,
  "result": "degraded",
  "engine": "28.5.2",
  "store": "graph",
  "driver": "overlay2",
  "strategy": "link",
  "reason": "an overlay can be mounted",
  "images": 4,
  "images_missing": [
    "alpine:3"
  ],
  "images_there": [
    "node:22"
  ],
  "layers": 31,
  "layers_by_method": {
    "link": 29,
    "copy": 2
  },
  "bytes": 681574400,
  "bytes_by_method": {
    "link": 681574400
  },
  "bytes_written": 180224,
  "files_written": 310,
  "warnings": [
    "mind the gap"
  ],
  "registry": {
    "hits": 3,
    "misses": 4
  },
  "api": "/var/run/docker.sock",
  "phases": [
    {
      "name": "options",
      "start_ms": 0.1,
      "duration_ms": 0.3
    },
    {
      "name": "seed",
      "start_ms": 3,
      "duration_ms": 12
    }
  ]
}
)");
}

TEST(StatusTest, SurvivesPrintingAndParsing) {
  const std::string text = print_status(full_status());
  const auto parsed = parse_status(text);
  ASSERT_TRUE(ok(parsed));
  EXPECT_EQ(print_status(*parsed), text);
}

TEST(StatusTest, HasNoResultBeforeSeedingIsOver) {
  const std::string text = print_status(Status());
  EXPECT_NE(text.find("\"result\": null"), std::string::npos);
  const auto parsed = parse_status(text);
  ASSERT_TRUE(ok(parsed));
  EXPECT_FALSE(parsed->result);
}

TEST(StatusTest, HasNullWhereThereIsNoRegistry) {
  const std::string text = print_status(Status());
  EXPECT_NE(text.find("\"registry\": null"), std::string::npos);
  const auto parsed = parse_status(text);
  ASSERT_TRUE(ok(parsed));
  EXPECT_FALSE(parsed->registry);
}

TEST(StatusTest, OfAnotherFormatIsRefused) {
  EXPECT_TRUE(fails_saying("version 2", parse_status(R"({"version":2})")));
  EXPECT_TRUE(fails_saying("not a JSON object", parse_status("[]")));
  EXPECT_TRUE(fails_saying(
      "unknown \"state\"",
      parse_status(R"({"version":1,"boot_id":"","pid":1,"start_ticks":1,"state":"asleep"})")));
}

TEST(LivingStatusTest, IsMissingBeforeTheFirstReport) {
  const test::TempDir run;
  EXPECT_TRUE(fails_with(ENOENT, read_living_status(run.path())));
}

TEST(LivingStatusTest, IsNotThatOfADeadProcess) {
  const test::TempDir run;
  const pid_t child = test::fork_into([&] {
    StatusBoard().publish_in(run.path());
    return 0;
  });
  ASSERT_EQ(test::exit_code_of(child), 0);
  EXPECT_TRUE(fails_saying("runs no more", read_living_status(run.path())));
}

TEST(LivingStatusTest, IsNotThatOfAnotherProcessWithTheSamePid) {
  const test::TempDir run;
  StatusBoard board;
  board.status().start_ticks += 1;
  board.publish_in(run.path());
  EXPECT_TRUE(fails_saying("runs no more", read_living_status(run.path())));
}

TEST(LivingStatusTest, IsNotThatOfAnEarlierBoot) {
  const test::TempDir run;
  StatusBoard board;
  board.status().boot_id = "00000000-0000-0000-0000-000000000000";
  board.publish_in(run.path());
  EXPECT_TRUE(fails_saying("earlier boot", read_living_status(run.path())));
}

} // namespace
} // namespace dind::report
