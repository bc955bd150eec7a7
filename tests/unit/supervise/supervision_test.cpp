#include <supervise/supervision.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <report/status_board.hpp>

#include <gtest/gtest.h>

#include <signal.h>

#include <chrono>
#include <string>
#include <thread>

namespace dind::supervise {
namespace {

using namespace std::chrono_literals;
using report::State;
using test::exit_code_of;

// tests/support/dockerd, supervised by a child of this process.
class SupervisionTest : public testing::Test {
protected:
  // `behaviour` is the stand-in's, as JSON.
  void start(const std::string& behaviour = "{}") {
    supervising_ = test::fork_into([&] {
      const auto signals = init::SignalSource::open();
      return signals ? supervise(handover(behaviour, signals->original_mask()), *signals) : 71;
    });
  }

  void stop() { ::kill(supervising_, SIGTERM); }
  int ended() const { return exit_code_of(supervising_); }

  // The last state that was told of, when it is `awaited` or a while has passed.
  report::Status await(State awaited) const {
    for (int tries = 0; tries < 500; ++tries) {
      const auto status = report::read_living_status(run_.path());
      if (status && status->state == awaited) {
        return *status;
      }
      std::this_thread::sleep_for(20ms);
    }
    ADD_FAILURE() << "never " << report::name_of(awaited);
    return {};
  }

  config::SupervisionSettings settings_;
  const test::TempDir run_;

private:
  Handover handover(const std::string& behaviour, const sigset_t& mask) const {
    const std::string socket = (run_ / "docker.sock").native();
    report::StatusBoard board;
    board.status().api = socket;
    Handover state;
    state.settings = settings_;
    state.argv = {DIND_SOURCE_DIR "/tests/support/dockerd/dockerd", "--host=unix://" + socket};
    state.environment = {"STAND_IN=" + behaviour, "NOTIFY_SOCKET=" + (run_ / "notify").native()};
    state.runtime_dir = run_.path().native();
    state.status = report::print_status(board.status());
    state.started_ns = std::chrono::nanoseconds(board.start().time_since_epoch()).count();
    state.mask = mask;
    return state;
  }

  pid_t supervising_ = 0;
};

TEST_F(SupervisionTest, IsReadyWhenTheEngineServes) {
  settings_.ready_file = (run_ / "ready").native();
  start();
  const report::Status status = await(State::ready);
  EXPECT_EQ(status.engine, "28.5.2");
  EXPECT_EQ(status.driver, "overlay2");
  EXPECT_EQ(status.phases.back().name, "ready");
  stop();
  EXPECT_EQ(ended(), 0);
  EXPECT_FALSE(run_.has("ready"));
}

TEST_F(SupervisionTest, EndsWithTheCodeOfADockerdThatDoesNotStart) {
  start(R"({"exit": 3})");
  EXPECT_EQ(ended(), 3);
}

TEST_F(SupervisionTest, EndsWithZeroForACodeThatIsNoneToBeAlarmedAt) {
  settings_.exit_remap = {3};
  start(R"({"exit": 3})");
  EXPECT_EQ(ended(), 0);
}

TEST_F(SupervisionTest, RewritesSignals) {
  settings_.signal_rewrite = {{SIGTERM, SIGINT}};
  start(R"({"at_interrupt": 7})");
  std::ignore = await(State::ready);
  stop();
  EXPECT_EQ(ended(), 7);
}

TEST_F(SupervisionTest, DrainsAnEngineThatIsBusyOnlyAsLongAsIsAllowed) {
  settings_.drain = 1s;
  start(R"({"containers": 1})");
  std::ignore = await(State::ready);
  const auto before = std::chrono::steady_clock::now();
  stop();
  std::ignore = await(State::draining);
  EXPECT_EQ(ended(), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 900ms);
}

} // namespace
} // namespace dind::supervise
