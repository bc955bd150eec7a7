#include <boot/baton.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace dind::boot {
namespace {

using test::fails_saying;
using test::ok;
using test::Pipe;

TEST(BatonTest, ArrivesAsItLeft) {
  Baton sent;
  sent.arguments = {"--debug", "", "with=equals\nand lines"};
  sent.argv = {"dockerd", "--host=fd://"};
  sent.environment = {"PATH=/bin", std::string("RAW=\xff\xfe\x01")};
  sent.choice.driver = "overlay2";
  sent.choice.containerd_snapshotter = false;
  sent.store_is_settled = true;
  sent.runtime_dir = "/run/dind-init";
  sent.data_root = "/var/lib/docker";
  sent.loop_root = "/var/lib/docker";
  sent.promote = "overlay2";
  sent.status = "{\n}\n";
  sent.started_ns = 1'234'567'890'123;
  ::sigemptyset(&sent.mask);
  ::sigaddset(&sent.mask, SIGUSR2);
  const auto got = parse_baton(print_baton(sent));
  ASSERT_TRUE(ok(got));
  EXPECT_EQ(got->arguments, sent.arguments);
  EXPECT_EQ(got->argv, sent.argv);
  EXPECT_EQ(got->environment, sent.environment);
  EXPECT_EQ(got->choice.driver, "overlay2");
  EXPECT_EQ(got->choice.containerd_snapshotter, false);
  EXPECT_EQ(got->store_is_settled, true);
  EXPECT_EQ(got->runtime_dir, sent.runtime_dir);
  EXPECT_EQ(got->data_root, sent.data_root);
  EXPECT_EQ(got->loop_root, sent.loop_root);
  EXPECT_EQ(got->promote, sent.promote);
  EXPECT_EQ(got->status, sent.status);
  EXPECT_EQ(got->started_ns, sent.started_ns);
  EXPECT_EQ(::sigismember(&got->mask, SIGUSR2), 1);
  EXPECT_EQ(::sigismember(&got->mask, SIGTERM), 0);
  EXPECT_FALSE(got->lock);
  EXPECT_TRUE(got->sockets.empty());
}

TEST(BatonTest, NoChoiceIsNoChoice) {
  const auto got = parse_baton(print_baton({}));
  ASSERT_TRUE(ok(got));
  EXPECT_EQ(got->choice.containerd_snapshotter, std::nullopt);
}

TEST(BatonTest, DescriptorsAreTakenOverAndCloseOnExec) {
  Pipe pipe;
  Baton sent;
  sent.lock = Fd(::dup(pipe.reader.get())); // as after the exec: without close-on-exec
  sent.backing = Fd(::dup(pipe.reader.get()));
  sent.sockets.emplace_back(::dup(pipe.writer.get()));
  const std::string text = print_baton(sent);
  const int lock = sent.lock.release();
  const int backing = sent.backing.release();
  const int socket = sent.sockets[0].release();
  const auto got = parse_baton(text);
  ASSERT_TRUE(ok(got));
  EXPECT_EQ(got->lock.get(), lock);
  EXPECT_EQ(got->backing.get(), backing);
  ASSERT_EQ(got->sockets.size(), 1U);
  EXPECT_EQ(got->sockets[0].get(), socket);
  EXPECT_EQ(::fcntl(lock, F_GETFD), FD_CLOEXEC);
}

TEST(BatonTest, SaysWhatItDoesNotKnow) {
  EXPECT_TRUE(fails_saying("\"colour\"", parse_baton(std::string("colour=red\0", 11))));
}

TEST(BatonTest, AUsersFlagOfThatNameIsTheUsers) {
  const std::vector<std::string> none = {"--debug"};
  EXPECT_FALSE(take_baton(none));
  const Pipe pipe;
  for (const std::string value : {"", "0", "2", "x", "99999", "-1"}) {
    const std::vector<std::string> arguments = {"--supervise=" + value};
    EXPECT_FALSE(take_baton(arguments)) << value;
  }
  const std::vector<std::string> arguments = {"--supervise=" + std::to_string(pipe.reader.get())};
  EXPECT_FALSE(take_baton(arguments));
}

} // namespace
} // namespace dind::boot
