#include <support/child.hpp>
#include <support/expect.hpp>
#include <supervise/handover.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace dind::supervise {
namespace {

using test::fails_saying;
using test::ok;
using test::Pipe;

TEST(HandoverTest, ArrivesAsItLeft) {
  Handover sent;
  sent.settings = {.stop_timeout = std::chrono::seconds(20),
                   .drain = std::chrono::seconds(600),
                   .drain_ignore = "with=equals\nand lines",
                   .exit_with = {config::ExitOn::file, "/done", std::chrono::seconds(5)},
                   .restart = {true, 3},
                   .signal_rewrite = {{SIGTERM, SIGQUIT}, {SIGUSR1, 0}},
                   .exit_remap = {143, 137},
                   .ready_file = "/ready",
                   .metrics_file = "/metrics",
                   .on_hook_error = config::OnHookError::fail,
                   .nofile = config::FileLimit{1024, 1ULL << 40U}};
  sent.log_level = log::Level::warn;
  sent.log_format = log::Format::json;
  sent.argv = {"dockerd", "", "--host=fd://"};
  sent.environment = {"PATH=/bin", std::string("RAW=\xff\xfe\x01")};
  sent.runtime_dir = "/run/dind-init";
  sent.data_root = "/var/lib/docker";
  sent.loop_root = "/var/lib/docker";
  sent.promote = "overlay2";
  sent.blobs = {{Digest::from_hex(std::string(64, 'a')).value(), 1ULL << 40U, "/a cache"},
                {Digest::from_hex(std::string(64, 'b')).value(), 0, "/other"}};
  sent.registry.bridge = "docker0";
  sent.registry.port = 5000;
  sent.registry.caches = {"/a cache", "/other"};
  sent.status = "{\n}\n";
  sent.started_ns = 1'234'567'890'123;
  ::sigemptyset(&sent.mask);
  ::sigaddset(&sent.mask, SIGUSR2);
  const auto got = parse_handover(print_handover(sent));
  ASSERT_TRUE(ok(got));
  EXPECT_EQ(got->settings, sent.settings);
  EXPECT_EQ(got->log_level, sent.log_level);
  EXPECT_EQ(got->log_format, sent.log_format);
  EXPECT_EQ(got->argv, sent.argv);
  EXPECT_EQ(got->environment, sent.environment);
  EXPECT_EQ(got->runtime_dir, sent.runtime_dir);
  EXPECT_EQ(got->data_root, sent.data_root);
  EXPECT_EQ(got->loop_root, sent.loop_root);
  EXPECT_EQ(got->promote, sent.promote);
  EXPECT_EQ(got->blobs, sent.blobs);
  EXPECT_EQ(got->registry.bridge, sent.registry.bridge);
  EXPECT_EQ(got->registry.port, sent.registry.port);
  EXPECT_EQ(got->registry.caches, sent.registry.caches);
  EXPECT_EQ(got->status, sent.status);
  EXPECT_EQ(got->started_ns, sent.started_ns);
  EXPECT_EQ(::sigismember(&got->mask, SIGUSR2), 1);
  EXPECT_EQ(::sigismember(&got->mask, SIGTERM), 0);
  EXPECT_FALSE(got->lock);
  EXPECT_TRUE(got->sockets.empty());
}

TEST(HandoverTest, WhatIsAbsentStaysAbsent) {
  const auto got = parse_handover(print_handover({}));
  ASSERT_TRUE(ok(got));
  EXPECT_EQ(got->settings, config::SupervisionSettings());
}

TEST(HandoverTest, DescriptorsAreTakenOverAndCloseOnExec) {
  Pipe pipe;
  Handover sent;
  sent.lock = Fd(::dup(pipe.reader.get())); // as after the exec: without close-on-exec
  sent.runtime = Fd(::dup(pipe.reader.get()));
  sent.backing = Fd(::dup(pipe.reader.get()));
  sent.sockets.emplace_back(::dup(pipe.writer.get()));
  sent.registry.listeners.emplace_back(::dup(pipe.writer.get()));
  const std::string text = print_handover(sent);
  const int listener = sent.registry.listeners[0].release();
  const int lock = sent.lock.release();
  const int runtime = sent.runtime.release();
  const int backing = sent.backing.release();
  const int socket = sent.sockets[0].release();
  const auto got = parse_handover(text);
  ASSERT_TRUE(ok(got));
  EXPECT_EQ(got->lock.get(), lock);
  EXPECT_EQ(got->runtime.get(), runtime);
  EXPECT_EQ(got->backing.get(), backing);
  ASSERT_EQ(got->sockets.size(), 1U);
  EXPECT_EQ(got->sockets[0].get(), socket);
  ASSERT_EQ(got->registry.listeners.size(), 1U);
  EXPECT_EQ(got->registry.listeners[0].get(), listener);
  EXPECT_EQ(::fcntl(lock, F_GETFD), FD_CLOEXEC);
}

TEST(HandoverTest, SaysWhatItDoesNotKnow) {
  EXPECT_TRUE(fails_saying("\"colour\"", parse_handover(std::string("colour=red\0", 11))));
}

TEST(HandoverTest, AUsersFlagOfThatNameIsTheUsers) {
  const std::vector<std::string> none = {"--debug"};
  EXPECT_FALSE(take_handover(none));
  const Pipe pipe;
  for (const std::string value : {"", "0", "2", "x", "99999", "-1"}) {
    const std::vector<std::string> arguments = {"--supervise=" + value};
    EXPECT_FALSE(take_handover(arguments)) << value;
  }
  const std::vector<std::string> arguments = {"--supervise=" + std::to_string(pipe.reader.get())};
  EXPECT_FALSE(take_handover(arguments));
}

} // namespace
} // namespace dind::supervise
