#include <report/status_board.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::report {
namespace {

using test::ok;

TEST(StatusBoardTest, TimesPhasesOneAfterTheOther) {
  StatusBoard board;
  board.begin("options");
  board.begin("probe");
  board.end();
  board.end();
  const auto& phases = board.status().phases;
  ASSERT_EQ(phases.size(), 2U);
  EXPECT_EQ(phases[0].name, "options");
  EXPECT_GE(phases[0].start_ms, 0.0);
  EXPECT_GE(phases[1].start_ms, phases[0].start_ms + phases[0].duration_ms);
  EXPECT_GE(phases[1].duration_ms, 0.0);
}

TEST(StatusBoardTest, PublishesWhatIsKnownAtEachStep) {
  const test::TempDir run;
  StatusBoard board;
  board.publish_in(run.path());
  board.begin("seed");
  board.warn("careful");
  board.enter(State::seeding);
  auto status = read_living_status(run.path());
  ASSERT_TRUE(ok(status));
  EXPECT_EQ(status->state, State::seeding);
  EXPECT_EQ(status->warnings, std::vector<std::string>{"careful"});
  EXPECT_EQ(status->pid, ::getpid());
  board.enter(State::ready);
  status = read_living_status(run.path());
  ASSERT_TRUE(ok(status));
  EXPECT_EQ(status->state, State::ready);
}

TEST(StatusBoardTest, WritesAFileThatEverybodyMayRead) {
  const test::TempDir run;
  StatusBoard().publish_in(run.path());
  EXPECT_EQ(test::stat_of(run / kStatusName).st_mode & 07777U, 0644U);
}

TEST(StatusBoardTest, GoesOnWhereNothingCanBeWritten) {
  StatusBoard board;
  board.publish_in("/nowhere/at/all");
  board.enter(State::ready);
  EXPECT_EQ(board.status().state, State::ready);
}

} // namespace
} // namespace dind::report
