#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/spawn.hpp>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

namespace dind::sys {
namespace {

using test::exit_code_of;
using test::fails_with;
using test::fork_into;
using test::holds_in_child;
using test::ok;
using test::TempDir;

SpawnOptions plainly() {
  SpawnOptions options;
  ::sigemptyset(&options.mask);
  return options;
}

bool has_children() {
  return !(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
}

TEST(ExitStatusTest, IsWhatAShellWouldSay) {
  const auto ended = [](const char* script) {
    return run({"sh", "-c", script}).value().status.code;
  };
  EXPECT_EQ(ended("exit 0"), 0);
  EXPECT_EQ(ended("exit 255"), 255);
  EXPECT_EQ(ended("kill -TERM $$"), 143);
  EXPECT_EQ(ended("kill -KILL $$"), 137);
}

TEST(SpawnTest, LooksInPathForANameWithoutASlash) {
  const auto pid = spawn({"sh", "-c", "exit 4"}, plainly());
  ASSERT_TRUE(ok(pid));
  EXPECT_EQ(exit_code_of(*pid), 4);
}

TEST(SpawnTest, PassesOverWhatCannotBeRunOnThePath) {
  const TempDir dir;
  dir.make_dir("first/tool"); // a directory is executable, in a way
  dir.write("second/tool", "not executable");
  const auto script = dir.write("third/tool", "#!/bin/sh\nexit 6\n");
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  EXPECT_TRUE(holds_in_child([&] {
    const std::string base = dir.path().native();
    ::setenv("PATH", (base + "/first:" + base + "/second:" + base + "/third").c_str(), 1);
    const auto found = run({"tool"});
    ASSERT_TRUE(ok(found));
    EXPECT_EQ(found->status.code, 6);
    ::setenv("PATH", (base + "/first:" + base + "/second").c_str(), 1);
    EXPECT_TRUE(fails_with(EACCES, run({"tool"})));
  }));
}

TEST(SpawnTest, CallsAMissingProgramMissing) {
  for (const char* name : {"no-such-program", "/no/such/program", ""}) {
    const auto pid = spawn({name}, plainly());
    ASSERT_TRUE(fails_with(ENOENT, pid)) << name;
    EXPECT_EQ(exit_code_for(pid.error()), 127);
  }
  EXPECT_TRUE(fails_with(ENOENT, spawn({}, plainly())));
}

TEST(SpawnTest, CallsAFileThatCannotBeRunForbidden) {
  const TempDir dir;
  const auto file = dir.write("data", "no program\n");
  const auto pid = spawn({file.native()}, plainly());
  ASSERT_TRUE(fails_with(EACCES, pid));
  EXPECT_EQ(exit_code_for(pid.error()), 126);
  ASSERT_EQ(::chmod(file.c_str(), 0755), 0);
  const auto garbage = spawn({file.native()}, plainly());
  ASSERT_TRUE(fails_with(ENOEXEC, garbage));
  EXPECT_EQ(exit_code_for(garbage.error()), 126);
}

TEST(SpawnTest, LeavesNoZombieOfAFailedStart) {
  const TempDir dir;
  const auto file = dir.write("data", "no program\n");
  EXPECT_TRUE(fails_with(EACCES, spawn({file.native()}, plainly())));
  EXPECT_FALSE(has_children());
}

TEST(SpawnTest, GivesTheChildTheMaskItIsTold) {
  EXPECT_TRUE(holds_in_child([] {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    SpawnOptions options = plainly();
    ::sigaddset(&options.mask, SIGUSR1);
    // Bit 9 is signal 10, SIGUSR1.
    const auto pid =
        spawn({"grep", "-qx", "SigBlk:.0000000000000200", "/proc/self/status"}, options);
    ASSERT_TRUE(ok(pid));
    EXPECT_EQ(exit_code_of(*pid), 0);
  }));
}

TEST(SpawnTest, LeavesIgnoredSignalsIgnored) {
  EXPECT_TRUE(holds_in_child([] {
    ::signal(SIGUSR2, SIG_IGN);
    const auto pid = spawn({"sh", "-c", "kill -USR2 $$; exit 5"}, plainly());
    ASSERT_TRUE(ok(pid));
    EXPECT_EQ(exit_code_of(*pid), 5);
  }));
}

TEST(SpawnTest, GivesTheChildAGroupOfItsOwnIfAsked) {
  for (const bool own_group : {true, false}) {
    SpawnOptions options = plainly();
    options.own_group = own_group;
    const auto pid = spawn({"true"}, options);
    ASSERT_TRUE(ok(pid));
    EXPECT_EQ(::getpgid(*pid), own_group ? *pid : ::getpgrp());
    EXPECT_EQ(exit_code_of(*pid), 0);
  }
}

TEST(SpawnTest, GivesTheChildNoDescriptorOfOurs) {
  EXPECT_TRUE(holds_in_child([] {
    ASSERT_EQ(::dup2(STDERR_FILENO, 77), 77); // without O_CLOEXEC
    const auto pid =
        spawn({"sh", "-c", "[ -e /proc/self/fd/2 ] && [ ! -e /proc/self/fd/77 ]"}, plainly());
    ASSERT_TRUE(ok(pid));
    EXPECT_EQ(exit_code_of(*pid), 0);
  }));
}

TEST(SpawnTest, GivesTheChildExactlyTheEnvironmentItIsTold) {
  const TempDir dir;
  const auto expected = dir.write("expected", std::string("ONLY=this one\0SECOND=\0", 22));
  SpawnOptions options = plainly();
  options.environment = {"ONLY=this one", "SECOND="};
  const auto pid = spawn({"cmp", expected.native(), "/proc/self/environ"}, options);
  ASSERT_TRUE(ok(pid));
  EXPECT_EQ(exit_code_of(*pid), 0);
}

TEST(SpawnTest, GivesTheChildOurEnvironmentIfToldNothing) {
  EXPECT_TRUE(holds_in_child([] {
    ::setenv("DIND_TEST_MARK", "seen", 1);
    const auto pid = spawn({"sh", "-c", R"([ "$DIND_TEST_MARK" = seen ])"}, plainly());
    ASSERT_TRUE(ok(pid));
    EXPECT_EQ(exit_code_of(*pid), 0);
  }));
}

// What a child is handed, by what can be read there.
Fd reads(const std::string& text) {
  const test::Pipe pipe;
  EXPECT_EQ(::write(pipe.writer.get(), text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  return Fd(::fcntl(pipe.reader.get(), F_DUPFD_CLOEXEC, 0));
}

// Takes exactly these descriptors for it.
void move_to(Fd& fd, int place) {
  ASSERT_EQ(::dup3(fd.get(), place, O_CLOEXEC), place);
  fd = Fd(place);
}

TEST(SpawnTest, HandsDescriptorsOverInTheirOrderWhereverTheyWere) {
  const std::string script = "[ \"$(cat <&3) $(cat <&4) $(cat <&5)\" = 'one two three' ] && "
                             "[ ! -e /proc/self/fd/6 ]";
  EXPECT_TRUE(holds_in_child([&] {
    ::syscall(SYS_close_range, 3, ~0U, 0);
    std::vector<Fd> handed;
    for (const char* text : {"one", "two", "three"}) {
      handed.push_back(reads(text));
      move_to(handed.back(), 50 + static_cast<int>(handed.size()));
    }
    for (std::size_t i = 0; i < handed.size(); ++i) {
      move_to(handed[i], 5 - static_cast<int>(i)); // each where another is to go
    }
    SpawnOptions options = plainly();
    options.sockets = handed;
    const auto pid = spawn({"sh", "-c", script}, options);
    ASSERT_TRUE(ok(pid));
    EXPECT_EQ(exit_code_of(*pid), 0);
  }));
}

TEST(SpawnTest, TellsTheChildOfItsDescriptorsByItsOwnPid) {
  const std::string all = R"($(tr '\0' ' ' </proc/$$/environ | grep -ao 'LISTEN_[^ ]*' | xargs))";
  const std::string expected = "LISTEN_FDS=2 LISTEN_PID=$(printf %010d $$)";
  const std::string script = "[ \"" + all + "\" = \"" + expected + "\" ]";
  EXPECT_TRUE(holds_in_child([&] {
    std::vector<Fd> handed;
    handed.push_back(reads("one"));
    handed.push_back(reads("two"));
    ::setenv("LISTEN_PID", "1", 1);
    ::setenv("LISTEN_FDNAMES", "of:another", 1);
    SpawnOptions options = plainly();
    options.sockets = handed;
    const auto with_ours = spawn({"sh", "-c", script}, options);
    ASSERT_TRUE(ok(with_ours));
    EXPECT_EQ(exit_code_of(*with_ours), 0);
    options.environment = {"PATH=/usr/bin:/bin", "LISTEN_FDS=7"};
    const auto with_theirs = spawn({"sh", "-c", script}, options);
    ASSERT_TRUE(ok(with_theirs));
    EXPECT_EQ(exit_code_of(*with_theirs), 0);
  }));
}

TEST(SpawnTest, NoticesAFailedStartWithDescriptorsToo) {
  const TempDir dir;
  const auto garbage = dir.write("garbage", "no program\n");
  ASSERT_EQ(::chmod(garbage.c_str(), 0755), 0);
  EXPECT_TRUE(holds_in_child([&] {
    ::syscall(SYS_close_range, 3, ~0U, 0); // the places are free for what reports the failure
    std::vector<Fd> handed;
    handed.push_back(reads("one"));
    move_to(handed[0], 50);
    SpawnOptions options = plainly();
    options.sockets = handed;
    EXPECT_TRUE(fails_with(ENOEXEC, spawn({garbage.native()}, options)));
  }));
}

// Ctrl-C on a terminal reaches the program in the foreground, and only it.
TEST(SpawnTest, HandsTheTerminalToTheChild) {
  const Fd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  NEEDS(terminal && ::grantpt(terminal.get()) == 0 && ::unlockpt(terminal.get()) == 0,
        "a pseudo-terminal");
  const std::string name = ::ptsname(terminal.get());
  const test::Pipe started;
  const pid_t init = fork_into([&] {
    ::close(terminal.get()); // so that the terminal hangs up with the test
    ::setsid();
    const Fd side(::open(name.c_str(), O_RDWR)); // becomes the controlling terminal
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      ::dup2(side.get(), stream);
    }
    const auto pid = spawn({"cat"}, plainly());
    const bool foreground = pid && ::tcgetpgrp(STDIN_FILENO) == *pid;
    started.send(foreground ? 1 : 0);
    return pid ? exit_code_of(*pid) : 71;
  });
  ASSERT_EQ(started.receive(), 1);
  ASSERT_EQ(::write(terminal.get(), "\x03", 1), 1);
  EXPECT_EQ(exit_code_of(init), 128 + SIGINT);
}

TEST(RunTest, CollectsBothStreamsAndTheStatus) {
  const auto finished = run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(ok(finished));
  EXPECT_EQ(finished->status.code, 3);
  EXPECT_EQ(finished->output, "out\nerr\n");
}

TEST(RunTest, ShowsTheProgramTheNameItWasCalledBy) {
  const auto finished = run({"cat", "/proc/self/cmdline"});
  ASSERT_TRUE(ok(finished));
  EXPECT_EQ(finished->output, std::string("cat\0/proc/self/cmdline\0", 23));
}

TEST(RunTest, GivesNothingToRead) {
  const auto finished = run({"cat"});
  ASSERT_TRUE(ok(finished));
  EXPECT_EQ(finished->status.code, 0);
  EXPECT_EQ(finished->output, "");
}

TEST(RunTest, KeepsOnlyTheFirst64KiB) {
  const auto finished = run({"head", "-c", "1000000", "/dev/zero"});
  ASSERT_TRUE(ok(finished));
  EXPECT_EQ(finished->status.code, 0); // it could write everything
  EXPECT_EQ(finished->output.size(), 65536U);
}

TEST(RunTest, DoesNotWaitForADaemonThatTheHelperLeaves) {
  const auto finished = run({"sh", "-c", "sleep 1000 & echo $!"});
  ASSERT_TRUE(ok(finished));
  const pid_t daemon = std::stoi(finished->output);
  EXPECT_EQ(::kill(daemon, SIGKILL), 0); // it was still there
}

TEST(RunTest, KillsAHelperThatTakesTooLong) {
  EXPECT_TRUE(fails_with(ETIMEDOUT, run({"sleep", "1000"}, std::chrono::seconds(0))));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it was reaped";
  EXPECT_TRUE(ok(run({"true"}, std::chrono::minutes(10))));
}

TEST(RunTest, ReapsItsHelperAndNobodyElse) {
  const pid_t other = fork_into([] { return 9; });
  test::wait_until_zombie(other);
  ASSERT_TRUE(ok(run({"true"})));
  EXPECT_EQ(exit_code_of(other), 9);
  EXPECT_FALSE(has_children());
}

TEST(RunTest, FailsAsSpawnDoes) {
  EXPECT_TRUE(fails_with(ENOENT, run({"no-such-program"})));
}

TEST(FindProgramTest, TakesTheFirstThatCanBeExecuted) {
  const test::TempDir dir;
  dir.write("plain/tool", "no program");
  dir.write("bin/tool", "#!/bin/sh");
  dir.write("folder/tool/inside", "");
  ASSERT_EQ(::chmod((dir / "bin/tool").c_str(), 0755), 0);
  ASSERT_EQ(::chmod((dir / "plain/tool").c_str(), 0644), 0);
  const auto in = [&](const std::string& path) { return find_program("tool", path.c_str()); };
  const std::string plain = (dir / "plain").native();
  const std::string bin = (dir / "bin").native();
  EXPECT_EQ(in((dir / "folder").native() + ":/nowhere:" + plain + ":" + bin).value(),
            bin + "/tool");
  EXPECT_TRUE(fails_with(EACCES, in(plain)));
  EXPECT_TRUE(fails_with(ENOENT, in("/nowhere")));
  EXPECT_EQ(find_program("./tool", "/nowhere").value(), "./tool");
}

} // namespace
} // namespace dind::sys
