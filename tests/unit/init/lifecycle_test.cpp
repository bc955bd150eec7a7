#include <init/lifecycle.hpp>

#include <gtest/gtest.h>

#include <signal.h>

#include <functional>
#include <ostream>

namespace dind::init {
namespace {

using std::chrono::seconds;

const Time kStart{};

// Steps as a reader would write them: "close, send 15".
std::string text_of(const Decision& decision) {
  std::string text;
  for (const Step& step : decision.steps) {
    text += text.empty() ? "" : ", ";
    switch (step.verb) {
    case Verb::start:
      text += "start";
      break;
    case Verb::send:
      text += fmt::format("send {}", step.number);
      break;
    case Verb::reload:
      text += "reload";
      break;
    case Verb::drain:
      text += "drain";
      break;
    case Verb::close:
      text += "close";
      break;
    case Verb::end:
      text += fmt::format("end {}", step.number);
    }
  }
  return text;
}

// What happens to a service that runs, one event after the other, and what is decided on the last.
struct Story {
  const char* name;
  Policy policy;
  std::vector<std::function<Decision(Lifecycle&)>> events;
  const char* expected;
};

// googletest would print its bytes, padding and all.
void PrintTo(const Story& story, std::ostream* out) {
  *out << story.name;
}

using Event = std::function<Decision(Lifecycle&)>;

Event ready() {
  return [](Lifecycle& life) { return life.ready(); };
}
Event started(int at) {
  return [at](Lifecycle& life) {
    life.started(kStart + seconds(at));
    return Decision{};
  };
}
Event gets(int signal, int at = 0) {
  return [=](Lifecycle& life) { return life.signal(signal, kStart + seconds(at)); };
}
Event dies(int code, int at = 0) {
  return [=](Lifecycle& life) { return life.died(code, kStart + seconds(at)); };
}
Event idle() {
  return [](Lifecycle& life) { return life.idle("idle", kStart); };
}
Event finish(int code) {
  return [=](Lifecycle& life) { return life.finish(code, "told", kStart); };
}
Event time(int at) {
  return [at](Lifecycle& life) { return life.time(kStart + seconds(at)); };
}

const Policy kPlain;
const Policy kDrain = {.drain = seconds(20)};
const Policy kTimeout = {.stop_timeout = seconds(10)};
const Policy kRestart = {.restart = true};
const Policy kRestartTwice = {.restart = true, .most_restarts = 2};
const Policy kTerminal = {.at_terminal = true};
const Policy kRewrite = {.rewrite = {{SIGTERM, SIGQUIT}, {SIGUSR1, 0}, {SIGUSR2, SIGHUP}}};

const Story kStories[] = {
    {"ItsOwnEndIsItsOwnCode", kPlain, {ready(), dies(3)}, "end 3"},
    {"OtherSignalsAreForwarded", kPlain, {ready(), gets(SIGUSR1)}, "send 10"},
    {"OtherSignalsAreForwardedBeforeReady", kPlain, {gets(SIGWINCH)}, "send 28"},
    {"TermStops", kPlain, {ready(), gets(SIGTERM)}, "close, send 15"},
    {"IntStops", kPlain, {ready(), gets(SIGINT)}, "close, send 2"},
    {"AStopKeepsTheStatus", kPlain, {ready(), gets(SIGTERM), dies(0)}, "end 0"},
    {"ASecondTermIsNotForwarded", kPlain, {ready(), gets(SIGTERM), gets(SIGTERM)}, ""},
    {"ASecondIntHurries", kPlain, {ready(), gets(SIGINT), gets(SIGINT)}, "send 9"},
    {"ASecondTermHurriesAtATerminal", kTerminal, {ready(), gets(SIGTERM), gets(SIGTERM)}, "send 9"},
    {"OthersAreForwardedWhileStopping", kPlain, {ready(), gets(SIGTERM), gets(SIGQUIT)}, "send 3"},
    {"NothingIsKilledWithoutATimeout", kPlain, {ready(), gets(SIGTERM), time(9999)}, ""},
    {"NotKilledBeforeItsTime", kTimeout, {ready(), gets(SIGTERM), time(9)}, ""},
    {"KilledWhenItsTimeIsOver", kTimeout, {ready(), gets(SIGTERM), time(10)}, "send 9"},
    {"KilledOnce", kTimeout, {ready(), gets(SIGTERM), time(10), time(11)}, ""},

    {"StoppedBeforeReadyIs143", kPlain, {gets(SIGTERM), dies(0)}, "end 143"},
    {"InterruptedBeforeReadyIs130", kPlain, {gets(SIGINT), dies(1)}, "end 130"},
    {"AStopBeforeReadyIsPrompt", kPlain, {gets(SIGTERM), time(3)}, "send 9"},
    {"AfterARestartTheStatusIsItsOwn",
     kRestart,
     {ready(), dies(2), started(1), gets(SIGTERM), dies(0)},
     "end 0"},

    {"HangupReloads", kPlain, {ready(), gets(SIGHUP)}, "reload"},
    {"HangupBeforeReadyWaits", kPlain, {gets(SIGHUP)}, ""},
    {"HangupBeforeReadyIsNotLost", kPlain, {gets(SIGHUP), gets(SIGHUP), ready()}, "reload"},
    {"ReadyIsSaidOnce", kPlain, {gets(SIGHUP), ready(), ready()}, ""},

    {"RewritesWhatIsSent", kRewrite, {ready(), gets(SIGTERM)}, "close, send 3"},
    {"RewritesToNothing", kRewrite, {ready(), gets(SIGUSR1)}, ""},
    {"RewritesToAReload", kRewrite, {ready(), gets(SIGUSR2)}, "reload"},

    {"TermDrains", kDrain, {ready(), gets(SIGTERM)}, "drain"},
    {"IntDoesNotDrain", kDrain, {ready(), gets(SIGINT)}, "close, send 2"},
    {"NothingDrainsBeforeReady", kDrain, {gets(SIGTERM)}, "close, send 15"},
    {"DrainedWhenIdle", kDrain, {ready(), gets(SIGTERM), idle()}, "close, send 15"},
    {"DrainedWhenTheTimeIsOver", kDrain, {ready(), gets(SIGTERM), time(20)}, "close, send 15"},
    {"NotDrainedBefore", kDrain, {ready(), gets(SIGTERM), time(19)}, ""},
    {"ASecondTermEndsTheDrain", kDrain, {ready(), gets(SIGTERM), gets(SIGTERM)}, "close, send 15"},
    {"AConditionEndsTheDrain", kDrain, {ready(), gets(SIGTERM), finish(0)}, "close, send 15"},
    {"DrainedKeepsTheStatus", kDrain, {ready(), gets(SIGTERM), finish(0), dies(4)}, "end 4"},
    {"SignalsAreForwardedWhileDraining", kDrain, {ready(), gets(SIGTERM), gets(SIGHUP)}, "reload"},
    {"ADeathWhileDrainingEnds",
     {.drain = seconds(9), .restart = true},
     {ready(), gets(SIGTERM), dies(2)},
     "end 2"},
    {"IdlenessAloneEndsNothing", kPlain, {ready(), idle()}, ""},

    {"AConditionStops", kPlain, {ready(), finish(0)}, "close, send 15"},
    {"AConditionEndsWithItsCode", kPlain, {ready(), finish(0), dies(137)}, "end 0"},
    {"AConditionBeforeReadyToo", kPlain, {finish(0), dies(143)}, "end 0"},
    {"AConditionAfterAStopIsLate", kPlain, {ready(), gets(SIGTERM), finish(0), dies(7)}, "end 7"},
    {"AConditionWhileItDoesNotRun", kRestart, {ready(), dies(1), finish(0)}, "end 0"},

    {"AFailureIsRestartedAfterAPause", kRestart, {ready(), dies(1)}, ""},
    {"AFailureIsRestarted", kRestart, {ready(), dies(1), time(1)}, "start"},
    {"AKillIsAFailure", kRestart, {ready(), dies(137), time(1)}, "start"},
    {"SuccessIsNoFailure", kRestart, {ready(), dies(0)}, "end 0"},
    {"QuittingIsNoFailure", kRestart, {ready(), gets(SIGQUIT), dies(2)}, "end 2"},
    {"NoRestartWithoutAWish", kPlain, {ready(), dies(1)}, "end 1"},
    {"GivenUpAfterQuickDeaths",
     kRestartTwice,
     {dies(1), started(1), dies(1, 1), started(2), dies(5, 2)},
     "end 5"},
    {"NotGivenUpBefore", kRestartTwice, {dies(1), started(1), dies(1, 1), time(9)}, "start"},
    {"AfterALongLifeTheyCountAnew",
     kRestartTwice,
     {dies(1), started(1), dies(1, 1), started(2), ready(), dies(1, 60), time(99)},
     "start"},
    {"NotStartedAfterAStop", kRestart, {ready(), gets(SIGTERM), dies(1)}, "end 1"},
    {"AStopWhileItDoesNotRun", kRestart, {ready(), dies(1), gets(SIGTERM)}, "end 143"},
    {"OtherSignalsWhileItDoesNotRun", kRestart, {ready(), dies(1), gets(SIGUSR1)}, ""},
};

class LifecycleTest : public testing::TestWithParam<Story> {};

TEST_P(LifecycleTest, DecidesRight) {
  Lifecycle life(GetParam().policy);
  life.started(kStart);
  Decision last;
  for (const auto& event : GetParam().events) {
    last = event(life);
  }
  EXPECT_EQ(text_of(last), GetParam().expected) << last.why;
}

INSTANTIATE_TEST_SUITE_P(Stories, LifecycleTest, testing::ValuesIn(kStories),
                         [](const auto& story) { return story.param.name; });

TEST(LifecyclePauseTest, DoublesFromATenthOfASecondToTen) {
  Lifecycle life(kRestart);
  Time now = kStart;
  for (const int pause : {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
    life.started(now);
    life.died(1, now);
    ASSERT_TRUE(life.deadline());
    EXPECT_EQ(*life.deadline() - now, std::chrono::milliseconds(pause));
    now = *life.deadline();
  }
}

} // namespace
} // namespace dind::init
