#include <bolt/transaction.hpp>

#include <support/bolt_model.hpp>
#include <support/bolt_text.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/spawn.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace dind::bolt {
namespace {

using test::bolt_text_of;
using test::BoltModel;
using test::ok;
using test::RandomChanges;
using test::TempDir;

// bbolt itself reads what was written here, and the other way round: support/boltprobe.
class BboltTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(std::string_view(DIND_BOLTPROBE) != "",
          "Debian's golang-go and golang-github-coreos-bbolt-dev");
  }

  // What it says of the database, after Tx.Check and, with a seed, after changes of its own.
  std::string text_of_bbolt(std::optional<unsigned> seed = std::nullopt) const {
    std::vector<std::string> argv = {DIND_BOLTPROBE, seed ? "change" : "check",
                                     (dir_ / "db").native()};
    if (seed) {
      argv.push_back(std::to_string(*seed));
    }
    argv.push_back((dir_ / "text").native());
    const auto ran = sys::run(argv);
    EXPECT_TRUE(ok(ran));
    EXPECT_TRUE(ran && ran->status.code == 0) << (ran ? ran->output : "");
    return ran && ran->status.code == 0 ? dir_.read("text") : "";
  }

  Result<std::uint64_t> commit(const std::function<Result<void>(Draft& root)>& change) const {
    Transaction transaction(TRY(Database::open(dir_.fd(), "db", Database::Access::write)));
    TRY(change(transaction.root()));
    return transaction.commit();
  }

  const TempDir dir_;
};

TEST_F(BboltTest, ReadsWhatIsWrittenHere) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    BoltModel model;
    RandomChanges changes(seed);
    Draft root;
    ASSERT_TRUE(ok(changes.change(model, root)));
    dir_.write("db", make_database(root));
    ASSERT_TRUE(text_of_bbolt() == model.text()) << "seed " << seed;
    for (int round = 0; round < 5; ++round) {
      ASSERT_TRUE(ok(commit([&](Draft& changed) { return changes.change(model, changed); })));
      ASSERT_TRUE(text_of_bbolt() == model.text()) << "seed " << seed << ", round " << round;
    }
  }
}

// With free lists, pages used again, and trees after deletions.
TEST_F(BboltTest, WritesWhatIsReadHere) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const std::string expected = text_of_bbolt(seed);
    ASSERT_TRUE(bolt_text_of(dir_.fd(), "db").value() == expected) << "seed " << seed;
  }
}

TEST_F(BboltTest, BothWriteTheSameFileByTurns) {
  RandomChanges changes(1);
  ASSERT_NE(text_of_bbolt(0), "");
  for (unsigned round = 1; round < 7; ++round) {
    ASSERT_TRUE(ok(commit([&](Draft& changed) -> Result<void> {
      Draft* const bucket = TRY(changed.make_bucket(fmt::format("ours {}", round % 3)));
      TRY(bucket->set_sequence(round));
      Draft* const fresh = TRY(bucket->make_bucket("round " + std::to_string(round)));
      BoltModel unused;
      return changes.change(unused, *fresh);
    })));
    ASSERT_TRUE(bolt_text_of(dir_.fd(), "db").value() == text_of_bbolt()) << round;
    const std::string theirs = text_of_bbolt(round);
    ASSERT_TRUE(bolt_text_of(dir_.fd(), "db").value() == theirs) << round;
  }
}

} // namespace
} // namespace dind::bolt
